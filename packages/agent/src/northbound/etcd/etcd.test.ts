import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeNetlink } from "@nsmkit/netlink/testing";
import { prefix, textOf } from "../../etcd/bytes.ts";
import type { EtcdConf } from "../../etcd/conf.ts";
import { compactedRevision } from "../../etcd/errors.ts";
import { MemoryEtcd } from "../../etcd/testing/memory-etcd.ts";
import { readStatus, statusKey } from "../../etcd/value-status.ts";
import { createAgent, type SourceCore } from "../../index.ts";
import { createNsmPlugin } from "../../plugins/nsm/index.ts";
import { Probe } from "../../probe.ts";
import { FakeIptables } from "../../testing/iptables.ts";
import { FakeMesh } from "../../testing/mesh.ts";
import { openEtcdNorthbound } from "./etcd.ts";
import { label, link, linkKey, root, until } from "./fixtures.ts";

const conf: EtcdConf = {
  path: "etcd.conf",
  client: { endpoints: ["memory"] },
  sessionTtlSeconds: 5,
  allowDelayedStart: false,
  reconnectIntervalMs: 20,
  resyncAfterReconnect: false,
  autoCompactMs: undefined,
  expandVariables: false,
};

function world(change: Partial<EtcdConf> = {}, more: { publishStates?: boolean } = {}) {
  const etcd = new MemoryEtcd();
  const netlink = new FakeNetlink();
  const store = openEtcdNorthbound({
    conf: { ...conf, ...change },
    label,
    etcd,
    environment: { MTU: "1234" },
    ...more,
  });
  const agent = createAgent({
    label,
    netlink,
    iptables: new FakeIptables(),
    sources: [(core: SourceCore) => store.source(core)],
    plugins: [
      (core) => createNsmPlugin(core, { mesh: new FakeMesh(), name: label, notifications: store.notifications }),
    ],
  });
  const probe = new Probe(
    () => agent.parts(),
    { version: "1" },
    () => Date.now(),
  );
  store.publish(agent, () => probe.read());
  return {
    etcd,
    netlink,
    store,
    agent,
    state: async (key: string) => {
      const kv = await etcd.get(statusKey(label, key));
      return kv && readStatus(kv.value);
    },
    keys: async (start: string) =>
      (await etcd.list(prefix(start))).kvs.map(({ key }) => textOf(key)?.slice(start.length)),
    async [Symbol.asyncDispose]() {
      await agent.close();
      await store.close();
      await netlink.close();
    },
  };
}

describe("an agent and its etcd", () => {
  test("values come from it, and their states, the agent's and its endpoints go there", async () => {
    await using w = world();
    const endpoint = "config/cnf/nsm/v1/endpoint/web";
    await w.etcd.put(`${root}${linkKey("a")}`, link("a"));
    await w.etcd.put(
      `${root}${endpoint}`,
      JSON.stringify({
        network_service: "web",
        interface_name_prefix: "w",
        advertised_labels: [{ key: "app", value: "x" }],
      }),
    );
    await w.agent.start();
    await until("the link", async () => (await w.state(linkKey("a")))?.state === "CONFIGURED");
    await until("the endpoint", async () => (await w.state(endpoint))?.state === "CONFIGURED");
    await until("its announcement", async () => (await w.keys("/vnf-agent/global/")).length === 1);
    assert.deepEqual(await w.keys("/vnf-agent/global/"), ["notification/nsm/endpoint/service/web/label/app/x"]);
    await until("all parts", async () => (await w.keys(`${root}check/status/v1/`)).includes("plugin/etcd"));
    await w.etcd.put(`${root}${linkKey("b")}`, "{");
    await until("the refusal", async () => (await w.state(linkKey("b")))?.state === "INVALID");
    await w.etcd.delete(prefix(`${root}config/`));
    await until("no states", async () => (await w.keys(`${root}config-status/`)).length === 0);
    await until("no announcement", async () => (await w.keys("/vnf-agent/global/")).length === 0);
  });

  test("what was refused before anything was published is told too", async () => {
    await using w = world();
    await w.etcd.put(`${root}${linkKey("b")}`, "{");
    await w.agent.start();
    await until("the refusal", async () => (await w.state(linkKey("b")))?.state === "INVALID");
  });

  test("states are kept back when that is wanted, the agent's own is not", async () => {
    await using w = world({}, { publishStates: false });
    await w.etcd.put(`${root}${linkKey("a")}`, link("a"));
    await w.agent.start();
    await until("the agent's", async () => (await w.keys(`${root}check/status/v1/`)).includes("agent"));
    await w.agent.scheduler.barrier();
    assert.deepEqual(await w.keys(`${root}config-status/`), []);
    assert.equal(w.store.published, undefined);
  });

  test("with resync-after-reconnect the system is read again after a break", async () => {
    await using w = world({ resyncAfterReconnect: true });
    await w.etcd.put(`${root}${linkKey("a")}`, link("a"));
    await w.agent.start();
    await until("the link", () => w.agent.scheduler.status(linkKey("a")).value.state === "CONFIGURED");
    const resyncs = (): number =>
      w.agent.scheduler.history().filter(({ ResyncType }) => ResyncType !== undefined).length;
    const before = resyncs();
    w.etcd.stop();
    await until("away", () => w.agent.parts().etcd?.state === "INIT");
    w.etcd.start();
    await until("a resync", () => resyncs() === before + 1);
  });

  test("auto-compact forgets the history again and again", async () => {
    await using w = world({ autoCompactMs: 20 });
    await w.agent.start();
    const { revision } = await w.etcd.put("/x", "1");
    await w.etcd.put("/x", "2");
    await until("the first", async () =>
      w.etcd.list(prefix("/x"), { revision }).then(
        () => false,
        (error: unknown) => compactedRevision(error) !== undefined,
      ),
    );
    const { revision: later } = await w.etcd.put("/x", "3");
    await w.etcd.put("/x", "4");
    await until("the next", async () =>
      w.etcd.list(prefix("/x"), { revision: later }).then(
        () => false,
        () => true,
      ),
    );
  });

  test("variables come from the environment that is given", async () => {
    await using w = world({ expandVariables: true });
    await w.etcd.put(`${root}${linkKey("a")}`, '{"name":"a","type":"DUMMY","mtu":$MTU}');
    await w.agent.start();
    const value = w.agent.northbound.store.merged.get(linkKey("a"))?.value as { mtu?: number } | undefined;
    assert.equal(value?.mtu, 1234);
  });

  test("nothing of the agent is left in etcd when it ends", async () => {
    const w = world();
    await w.etcd.put(`${root}${linkKey("a")}`, link("a"));
    await w.agent.start();
    await until("the state", async () => (await w.keys(`${root}config-status/`)).length === 1);
    const { etcd } = w;
    // The store closes its client; this is what it had then.
    let left = -1;
    etcd.close = async () => {
      left = (await etcd.list(prefix(root))).kvs.length;
    };
    await w[Symbol.asyncDispose]();
    assert.equal(left, 1);
  });
});
