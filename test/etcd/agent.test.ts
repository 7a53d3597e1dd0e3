import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Etcd, openEtcd, prefix, readStatus, statusKey, textOf } from "@nsmkit/agent/etcd";
import { type Agent, cannotRun, type Pod, until, World } from "../netns/agent-world.ts";
import { EtcdServer, etcdMissing } from "./server.ts";
import { pause } from "./support.ts";

const skip = etcdMissing() ?? (await cannotRun());
const options = { skip, timeout: 90_000 };

const interfaceKey = (name: string): string => `config/linux/interfaces/v2/interface/${name}`;

interface Site {
  readonly server: EtcdServer;
  readonly etcd: Etcd;
  readonly pod: Pod;
  /** Of value keys ("config/..."): what etcd says became of it. */
  state(key: string): Promise<string | undefined>;
  put(...pairs: readonly (readonly [key: string, value: unknown])[]): Promise<void>;
  remove(...keys: readonly string[]): Promise<void>;
  agent(conf?: string, env?: Readonly<Record<string, string>>): Promise<Agent>;
}

/** A machine of its own, an etcd beside it, and agents that use both. */
async function site(w: World): Promise<Site> {
  const server = w.use(await EtcdServer.start());
  const etcd = w.use(openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 10_000 }));
  const pod = await w.pod();
  const own = (key: string): string => `/vnf-agent/box/${key}`;
  return {
    server,
    etcd,
    pod,
    async state(key) {
      const kv = await etcd.get(statusKey("box", key));
      return kv && readStatus(kv.value).state;
    },
    async put(...pairs) {
      await etcd.txn({ success: pairs.map(([key, value]) => ({ put: own(key), value: JSON.stringify(value) })) });
    },
    async remove(...keys) {
      await etcd.txn({ success: keys.map((key) => ({ delete: own(key) })) });
    },
    async agent(conf = "", env = {}) {
      await writeFile(
        join(w.directory, "box.etcd.conf"),
        `endpoints: ["${server.unixEndpoint}"]\ninsecure-transport: true\noperation-timeout: 1s\nreconnect-interval: 200000000\nsession-ttl: 2\n${conf}`,
      );
      return w.agent(pod, "box", "", { ETCD_CONFIG: "box.etcd.conf", ...env });
    },
  };
}

const pair = (index: number): [string, unknown][] => [
  [
    interfaceKey(`a${index}`),
    {
      name: `a${index}`,
      type: "VETH",
      enabled: true,
      ip_addresses: [`10.9.${index}.1/24`],
      veth: { peer_if_name: `b${index}` },
    },
  ],
  [interfaceKey(`b${index}`), { name: `b${index}`, type: "VETH", enabled: true, veth: { peer_if_name: `a${index}` } }],
];
const links = async (pod: Pod): Promise<string[]> =>
  (await pod.handle.linkList())
    .map(({ name }) => name)
    .filter((name) => /^[ab]\d+$/.test(name))
    .sort();

describe("an agent and a real etcd", () => {
  test("what is put becomes a link, its state is told, and it goes when it is deleted", options, async () => {
    await using w = await World.open();
    const s = await site(w);
    const agent = await s.agent();
    await s.put(...pair(1));
    await until(
      async () => (await s.state(interfaceKey("a1"))) === "CONFIGURED",
      () => `a1 configured\n${agent.all()}`,
    );
    assert.deepEqual(await s.pod.addresses("a1"), ["10.9.1.1/24"]);
    assert.equal(await s.state(interfaceKey("b1")), "CONFIGURED");
    await s.remove(interfaceKey("a1"), interfaceKey("b1"));
    await until(async () => (await s.state(interfaceKey("a1"))) === undefined, "a1 is gone");
    await until(async () => (await links(s.pod)).length === 0, "the links are gone");
  });

  test("a value that waits says for what, one that is wrong why, and the others do not mind", options, async () => {
    await using w = await World.open();
    const s = await site(w);
    await s.agent();
    const route = "config/linux/l3/v2/route/10.1.0.0/16/a1";
    const odd = interfaceKey("odd");
    await s.put(
      [route, { outgoing_interface: "a1", scope: "LINK", dst_network: "10.1.0.0/16" }],
      [odd, { name: "odd", colour: "red" }],
    );
    const told = async (key: string) => readStatus((await s.etcd.get(statusKey("box", key)))?.value ?? `{"key":""}`);
    await until(
      async () => (await told(odd)).state === "INVALID" && (await told(route)).state === "PENDING",
      "both are told",
    );
    assert.match((await told(odd)).error ?? "", /colour/);
    assert.ok(
      (await told(route)).details?.some((text) => /a1|interface/.test(text)),
      JSON.stringify(await told(route)),
    );
    await s.put(...pair(1));
    await until(async () => (await s.state(route)) === "CONFIGURED", "the route");
  });

  for (const [how, interrupt] of [
    [
      "is killed and comes back",
      async ({ server }: Site, agent: Agent) => {
        await server.stop("SIGKILL");
        await until(() => agent.logged("etcd is away, everything stays as it is"), "the agent notices");
        await server.start();
      },
    ],
    [
      "stands still for longer than the lease lives",
      async ({ server }: Site) => {
        await server.pause();
        await pause(5000);
        server.resume();
      },
    ],
  ] as const) {
    test(`nothing is lost or taken down while etcd ${how}`, options, async () => {
      await using w = await World.open();
      const s = await site(w);
      const agent = await s.agent();
      await s.put(...pair(1), ...pair(2));
      await until(async () => (await s.state(interfaceKey("a2"))) === "CONFIGURED", "a2");
      const index = (await s.pod.handle.linkGet("a2")).index;
      await interrupt(s, agent);
      assert.deepEqual(await links(s.pod), ["a1", "a2", "b1", "b2"]);
      await s.remove(interfaceKey("a1"), interfaceKey("b1"));
      await s.put(...pair(3));
      await until(
        async () => (await s.state(interfaceKey("a3"))) === "CONFIGURED",
        () => `a3\n${agent.all()}`,
        20_000,
      );
      await until(async () => (await links(s.pod)).join() === "a2,a3,b2,b3", "the links");
      await until(async () => (await s.state(interfaceKey("a2"))) === "CONFIGURED", "a2's state is back");
      assert.equal((await s.pod.handle.linkGet("a2")).index, index, "a2 was not touched");
    });
  }

  test("an etcd restored from a backup is obeyed, and told the states again", options, async () => {
    await using w = await World.open();
    const s = await site(w);
    await s.put(...pair(1));
    await s.server.stop();
    await s.server.backup("early");
    await s.server.start();
    await s.put(...pair(2));
    const agent = await s.agent();
    await until(async () => (await s.state(interfaceKey("a2"))) === "CONFIGURED", "a2");
    await s.server.stop("SIGKILL");
    await s.server.restore("early");
    await s.server.start();
    await until(
      async () => (await links(s.pod)).join() === "a1,b1",
      () => `only the first pair\n${agent.all()}`,
      20_000,
    );
    await until(async () => (await s.state(interfaceKey("a1"))) === "CONFIGURED", "a1's state is told");
    await until(async () => (await s.state(interfaceKey("a2"))) === undefined, "the state of a2 is gone");
  });

  test(
    "an agent may start without etcd, and leaves what it made in an earlier life alone until etcd comes",
    options,
    async () => {
      await using w = await World.open();
      const s = await site(w);
      await s.put(...pair(1));
      const agent = await s.agent("allow-delayed-start: true\n");
      await until(async () => (await s.state(interfaceKey("a1"))) === "CONFIGURED", "a1");
      await agent.kill();
      await s.put(...pair(2));
      await s.remove(interfaceKey("a1"), interfaceKey("b1"));
      await s.server.stop();
      await agent.start();
      assert.equal((await agent.http("GET", "/liveness")).status, 200);
      assert.equal((await agent.http("GET", "/readiness")).status, 500);
      assert.deepEqual(await links(s.pod), ["a1", "b1"]);
      await s.server.start();
      await until(
        async () => (await links(s.pod)).join() === "a2,b2",
        () => `the second pair\n${agent.all()}`,
        20_000,
      );
      await until(async () => (await agent.http("GET", "/readiness")).status === 200, "ready");
    },
  );

  test("an agent that must not start without etcd ends and says what to do", options, async () => {
    await using w = await World.open();
    const s = await site(w);
    await s.server.stop();
    await assert.rejects(s.agent(), /cannot be used.*allow-delayed-start: true in etcd.conf/s);
  });

  test(
    "an agent that ends takes its states with it, one that is killed leaves them for its lease's time",
    options,
    async () => {
      await using w = await World.open();
      const s = await site(w);
      const agent = await s.agent();
      await s.put(...pair(1));
      const health = "/vnf-agent/box/check/status/v1/";
      const told = async (): Promise<number> => (await s.etcd.list(prefix("/vnf-agent/box/config-status/"))).kvs.length;
      await until(async () => (await told()) === 2, "both states");
      await until(async () => (await s.etcd.get(`${health}agent`)) !== undefined, "health");
      const part = async (): Promise<string> =>
        textOf((await s.etcd.get(`${health}plugin/etcd`))?.value ?? Buffer.of()) ?? "";
      await until(async () => (await part()).includes('"state":"OK"'), "the etcd part is well");
      assert.equal(await agent.end("SIGTERM"), 0);
      assert.equal(await told(), 0);
      assert.equal((await s.etcd.list(prefix(health))).kvs.length, 0);
      await agent.start();
      await until(async () => (await told()) === 2, "both states again");
      await agent.kill();
      assert.equal(await told(), 2);
      await until(async () => (await told()) === 0, "the lease is over", 10_000);
    },
  );

  test("a full etcd costs the states, not the links, and they are told when there is room", options, async () => {
    await using w = await World.open();
    const s = await site(w);
    const agent = await s.agent();
    await s.server.admin("/v3/maintenance/alarm", { action: "ACTIVATE", memberID: 0, alarm: "NOSPACE" });
    await s.etcd.delete("/nothing").catch(() => {});
    await s.server.admin("/v3/maintenance/alarm", { action: "DEACTIVATE", memberID: 0, alarm: "NOSPACE" });
    await s.put(...pair(1));
    await s.server.admin("/v3/maintenance/alarm", { action: "ACTIVATE", memberID: 0, alarm: "NOSPACE" });
    await until(
      async () => (await links(s.pod)).length === 2,
      () => `links\n${agent.all()}`,
    );
    await s.server.admin("/v3/maintenance/alarm", { action: "DEACTIVATE", memberID: 0, alarm: "NOSPACE" });
    await until(async () => (await s.state(interfaceKey("a1"))) === "CONFIGURED", "the state", 15_000);
  });

  test(
    "states are not told when that is disabled, and etcd is not used when ETCD_CONFIG is empty",
    options,
    async () => {
      await using w = await World.open();
      const s = await site(w);
      await s.put(...pair(1));
      const agent = await s.agent("", { DISABLE_STATUS_PUBLISHING: "1" });
      await until(async () => (await links(s.pod)).length === 2, "links");
      await agent.configured(2);
      await pause(500);
      assert.equal((await s.etcd.list(prefix("/vnf-agent/box/config-status/"))).kvs.length, 0);
      await agent.kill();
      const other = await s.agent("", { ETCD_CONFIG: "" });
      assert.ok(other.logged("etcd is not used"));
      await until(async () => (await links(s.pod)).length === 0, "what only etcd wanted is gone");
    },
  );

  test("variables of the agent's environment are replaced in values", options, async () => {
    await using w = await World.open();
    const s = await site(w);
    await s.put(...pair(1).map(([key, value]) => [key, value] as const));
    await s.etcd.put(
      `/vnf-agent/box/${interfaceKey("a1")}`,
      JSON.stringify(pair(1)[0]?.[1]).replace("10.9.1.1", "$OWN_ADDRESS"),
    );
    await s.agent("", { ETCD_EXPAND_ENV_VARS: "true", OWN_ADDRESS: "10.9.1.77" });
    await until(async () => (await s.pod.addresses("a1")).includes("10.9.1.77/24"), "the address");
  });
});
