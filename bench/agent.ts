/**
 * The Linux agent: from a declaration of two veth pairs (four links in three namespaces), five addresses and two routes
 * until everything is in place, addresses included (ligato/vpp-agent issues 1739, 1748 and 1751: 500 ms); a change of
 * one address and one gateway; the withdrawal of everything. Then the same from a file that is replaced, and a
 * declaration of many links at once. Rivals in the same run: one `ip` process per step, and `ip -batch`.
 * What is there is read from the kernel before a time counts.
 *
 * Usage: node bench/agent.ts [--runs N] [--links N] [--small] [--json]
 *   --runs   timed runs of each; default 30
 *   --links  links declared at once; default 500
 *   --small  3 runs, 20 links
 * Needs root (or the capabilities in a user namespace) and, for the rivals, iproute2.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Agent, createAgent, readDeclaration } from "@nsmkit/agent";
import { knownModels } from "@nsmkit/api/model";
import { type Handle, type Netlink, type Netns, openNetlink } from "@nsmkit/netlink";
import { median, type Row, report, summary } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "30" },
    links: { type: "string", default: "500" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const runs = flags.small ? 3 : Number(flags.runs);
const links = flags.small ? 20 : Number(flags.links);

await using netlink = await openNetlink();
const directory = mkdtempSync(join(tmpdir(), "nsmkit-bench-"));
const names = ["own", "a", "b"].map((name) => `nsmbench-${process.pid}-${name}`);

/** The kernel as an agent in `netns` sees it. */
function seenFrom(netns: Netns): Netlink {
  const namespaces = new Proxy(netlink.namespaces, {
    get: (target, name) => {
      if (name === "current") return netns;
      if (name === "list") return async () => [];
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return {
    ...netlink,
    namespaces,
    handle: (other) => netlink.handle(other ?? netns),
    execute: netlink.execute.bind(netlink),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

const declaration = (last: number): string => `linuxConfig:
  interfaces:
  - {name: in, type: VETH, enabled: true, ip_addresses: [10.1.0.1/24], veth: {peer_if_name: client}}
  - {name: client, type: VETH, enabled: true, host_if_name: eth0, namespace: {type: NSID, reference: ${names[1]}}, ip_addresses: [10.1.0.2/24, 10.1.1.${last}/24], veth: {peer_if_name: in}}
  - {name: out, type: VETH, enabled: true, ip_addresses: [10.2.0.1/24], veth: {peer_if_name: web}}
  - {name: web, type: VETH, enabled: true, host_if_name: eth0, namespace: {type: NSID, reference: ${names[2]}}, ip_addresses: [10.2.0.2/24], veth: {peer_if_name: out}}
  routes:
  - {outgoing_interface: client, dst_network: 10.2.0.0/24, gw_addr: 10.1.0.1}
  - {outgoing_interface: out, dst_network: 10.3.0.0/24, gw_addr: 10.2.0.${last}}
`;
const nothing = "linuxConfig: {}";

const commands = (last: number): readonly string[] => [
  `-n ${names[0]} link add in type veth peer name eth0 netns ${names[1]}`,
  `-n ${names[0]} link add out type veth peer name eth0 netns ${names[2]}`,
  `-n ${names[0]} link set in alias /bench/in up`,
  `-n ${names[0]} link set out alias /bench/out up`,
  `-n ${names[1]} link set eth0 alias /bench/client up`,
  `-n ${names[2]} link set eth0 alias /bench/web up`,
  `-n ${names[0]} addr add 10.1.0.1/24 dev in`,
  `-n ${names[0]} addr add 10.2.0.1/24 dev out`,
  `-n ${names[1]} addr add 10.1.0.2/24 dev eth0`,
  `-n ${names[1]} addr add 10.1.1.${last}/24 dev eth0`,
  `-n ${names[2]} addr add 10.2.0.2/24 dev eth0`,
  `-n ${names[1]} route add 10.2.0.0/24 via 10.1.0.1`,
  `-n ${names[0]} route add 10.3.0.0/24 via 10.2.0.${last}`,
];

/** Throws unless the kernel has exactly what was declared. */
async function check(handles: readonly Handle[], last: number): Promise<void> {
  const addresses = await Promise.all(
    handles.map(async (handle) => (await handle.addrList({ family: 4 })).map(({ address }) => address).sort()),
  );
  assert.deepEqual(addresses, [["10.1.0.1/24", "10.2.0.1/24"], ["10.1.0.2/24", `10.1.1.${last}/24`], ["10.2.0.2/24"]]);
  const routes = await Promise.all(
    handles.map(async (handle) =>
      (await handle.routeList({ family: 4, table: 254 })).flatMap(({ destination, gateway }) =>
        gateway ? [`${destination} ${gateway}`] : [],
      ),
    ),
  );
  assert.deepEqual(routes, [[`10.3.0.0/24 10.2.0.${last}`], ["10.2.0.0/24 10.1.0.1"], []]);
  for (const handle of handles)
    for (const link of await handle.linkList()) assert.ok(link.loopback || (link.up && link.alias), link.name);
}

async function checkEmpty(handles: readonly Handle[]): Promise<void> {
  for (const handle of handles) assert.equal((await handle.linkList()).length, 1);
}

/** Applies a declaration and waits until everything in it is in place, derived values too. @returns ms */
async function apply(agent: Agent, yaml: string): Promise<number> {
  const { items } = readDeclaration(yaml, { name: "bench", models: knownModels, label: "bench" });
  const started = performance.now();
  const { settled } = agent.northbound.apply([{ source: "bench", put: items, replace: true }]);
  const { errors } = await settled;
  await agent.scheduler.barrier();
  const took = performance.now() - started;
  assert.deepEqual(errors, []);
  for (const item of items) {
    const { value, derived_values = [] } = agent.scheduler.status(item.key);
    for (const { key, state } of [value, ...derived_values]) assert.equal(state, "CONFIGURED", key);
  }
  return took;
}

async function ip(batch: string | undefined, steps: readonly string[]): Promise<number> {
  const started = performance.now();
  if (batch === undefined) {
    for (const step of steps) await once(spawn("ip", step.split(" "), { stdio: "ignore" }), "exit");
  } else {
    // A batch works in one namespace; there is one for each.
    for (const name of names) {
      const own = steps.filter((step) => step.startsWith(`-n ${name} `)).map((step) => step.slice(4 + name.length));
      const child = spawn("ip", ["-n", name, "-batch", "-"], { stdio: ["pipe", "ignore", "ignore"] });
      child.stdin.end(`${own.join("\n")}\n`);
      await once(child, "exit");
    }
  }
  return performance.now() - started;
}

const stack = new AsyncDisposableStack();
try {
  const pods: Netns[] = [];
  for (const name of names) {
    pods.push(stack.use(await netlink.namespaces.create({ name })));
    stack.defer(() => netlink.namespaces.delete({ name }));
  }
  const handles = pods.map((netns) => stack.use(netlink.handle(netns)));
  const file = join(directory, "chain.yaml");
  writeFileSync(file, nothing);
  const agent = stack.use(
    createAgent({ label: "bench", netlink: seenFrom(pods[0] as Netns), files: { paths: [file] } }),
  );
  await agent.start();
  await agent.scheduler.barrier();

  const declare: number[] = [];
  const change: number[] = [];
  const withdraw: number[] = [];
  const exec: number[] = [];
  const batch: number[] = [];
  const hasIp = spawnSync("ip", ["-V"]).status === 0;
  for (let run = -2; run < runs; run++) {
    const into = (samples: number[], ms: number): void => void (run >= 0 && samples.push(ms));
    into(declare, await apply(agent, declaration(9)));
    await check(handles, 9);
    into(change, await apply(agent, declaration(8)));
    await check(handles, 8);
    into(withdraw, await apply(agent, nothing));
    await checkEmpty(handles);
    if (!hasIp) continue;
    for (const [samples, kind] of [
      [exec, undefined],
      [batch, "batch"],
    ] as const) {
      into(samples, await ip(kind, commands(9)));
      await check(handles, 9);
      await (handles[0] as Handle).linkDelete(["in", "out"]);
      await checkEmpty(handles);
    }
  }

  const replaced: number[] = [];
  for (let run = 0; run < Math.min(runs, 10); run++) {
    for (const text of [declaration(9), nothing]) {
      writeFileSync(`${file}.new`, text);
      const started = performance.now();
      renameSync(`${file}.new`, file);
      const expected = text === nothing ? 0 : 6;
      const count = (): number =>
        agent.scheduler
          .statuses({ keyPrefix: "config/" })
          .filter(({ value, derived_values = [] }) =>
            [value, ...derived_values].every(({ state }) => state === "CONFIGURED"),
          ).length;
      while (count() !== expected) await new Promise((resolve) => setTimeout(resolve, 1));
      if (expected > 0) replaced.push(performance.now() - started);
      await agent.scheduler.barrier();
    }
  }

  const many = Array.from(
    { length: links / 2 },
    (_, i) => `
  - {name: n${i}, type: VETH, enabled: true, ip_addresses: [10.${100 + (i >> 8)}.${i & 255}.1/24], veth: {peer_if_name: f${i}}}
  - {name: f${i}, type: VETH, enabled: true, namespace: {type: NSID, reference: ${names[1]}}, ip_addresses: [10.${100 + (i >> 8)}.${i & 255}.2/24], veth: {peer_if_name: n${i}}}`,
  );
  const declaredAll = await apply(agent, `linuxConfig:\n  interfaces:${many.join("")}`);
  assert.equal((await (handles[1] as Handle).linkList()).length, links / 2 + 1);
  const withdrawnAll = await apply(agent, nothing);
  await checkEmpty(handles);

  const rival = hasIp ? { rival: { name: "ip per step", value: median(exec) } } : {};
  const rows: Row[] = [
    {
      bench: "agent",
      what: "declare -> configured, 4 links, 5 addresses, 2 routes",
      unit: "ms",
      ...summary(declare),
      ...rival,
      budget: "< 30",
    },
    ...(hasIp
      ? [
          {
            bench: "agent",
            what: "the same, against ip -batch",
            unit: "ms",
            ...summary(declare),
            rival: { name: "ip -batch", value: median(batch) },
          },
        ]
      : []),
    { bench: "agent", what: "change of an address and a gateway", unit: "ms", ...summary(change) },
    { bench: "agent", what: "withdraw everything", unit: "ms", ...summary(withdraw) },
    { bench: "agent", what: "file replaced -> configured", unit: "ms", ...summary(replaced) },
    { bench: "agent", what: `declare ${links} links with addresses, per link`, unit: "ms", value: declaredAll / links },
    { bench: "agent", what: `withdraw ${links} links, per link`, unit: "ms", value: withdrawnAll / links },
  ];
  report(rows, { json: flags.json });
} finally {
  await stack.disposeAsync();
  rmSync(directory, { recursive: true, force: true });
}
