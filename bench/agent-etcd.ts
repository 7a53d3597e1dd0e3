/**
 * The Linux agent and a real etcd (on loopback, without fsync): the start with many keys until all of them are in the
 * kernel and told in etcd; a burst of single puts; one put after the other until it is configured, and until its state
 * is back in etcd; what is written per change, and memory. The values are routes of one link.
 * Rival of the burst, in the same run on the same client: each event a transaction of its own, one after the other, as
 * the original does it. What is there is read from the kernel before a time counts.
 *
 * Usage: node bench/agent-etcd.ts [--keys N,N] [--burst N] [--puts N] [--runs N] [--small] [--json]
 *   --keys   keys at the start; default 1000,10000
 *   --burst  single puts, 32 at a time; default 1000
 *   --puts   puts one after the other; default 300
 *   --runs   timed starts and bursts of each; default 3
 *   --small  100 keys, 50 puts, 1 run
 * Needs root (or the capabilities in a user namespace) and etcd.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Agent, createAgent, type SourceCore } from "@nsmkit/agent";
import { type Etcd, openEtcd, prefix, readStatus, statusKey, statusPrefix, textOf } from "@nsmkit/agent/etcd";
import { type EtcdNorthbound, openEtcdNorthbound } from "@nsmkit/agent/northbound/etcd";
import { knownModels, parseValue } from "@nsmkit/api/model";
import { mustExist } from "@nsmkit/core";
import { type Handle, type Netlink, type Netns, openNetlink } from "@nsmkit/netlink";
import { EtcdServer, etcdMissing } from "../test/etcd/server.ts";
import { median, quantile, type Row, report, summary } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    keys: { type: "string", default: "1000,10000" },
    burst: { type: "string", default: "1000" },
    puts: { type: "string", default: "300" },
    runs: { type: "string", default: "3" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const sizes = flags.small ? [100] : flags.keys.split(",").map(Number);
const burst = flags.small ? 100 : Number(flags.burst);
const puts = flags.small ? 50 : Number(flags.puts);
const runs = flags.small ? 1 : Number(flags.runs);

const missing = etcdMissing();
if (missing) {
  console.log(`skipped: ${missing}`);
  process.exit(0);
}

const label = "bench";
const root = `/vnf-agent/${label}/`;
const routes = "config/linux/l3/v2/route/";
const linkKey = "config/linux/interfaces/v2/interface/";
const links = ["a", "b"].map((name, index) => [
  `${linkKey}${name}`,
  JSON.stringify({
    name,
    type: "VETH",
    enabled: true,
    veth: { peer_if_name: index === 0 ? "b" : "a" },
    ...(index === 0 ? { ip_addresses: ["192.168.0.1/24"] } : {}),
  }),
]) as [string, string][];
const net = (n: number): string => `10.${n >> 8}.${n & 255}.0/24`;
const route = (n: number): [string, string] => [
  `${routes}${net(n)}/a`,
  JSON.stringify({ outgoing_interface: "a", scope: "LINK", dst_network: net(n) }),
];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A watch that begins while others write lags by up to 100 ms: etcd catches up with such ones only that often. */
const settleMs = 300;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `${what}: not within two minutes`);
    await pause(2);
  }
}

/** The kernel as an agent in `netns` sees it. */
function seenFrom(netlink: Netlink, netns: Netns): Netlink {
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

interface World {
  readonly etcd: Etcd;
  readonly endpoint: string;
  /** The same for another network namespace. */
  readonly unixEndpoint: string;
  /** Of the agent's network namespace. */
  readonly path: string;
  readonly netlink: Netlink;
  readonly handle: Handle;
}

const conf = (endpoint: string) => ({
  path: "bench",
  client: { endpoints: [endpoint], operationTimeoutMs: 10_000 },
  sessionTtlSeconds: 30,
  allowDelayedStart: false,
  reconnectIntervalMs: 2000,
  resyncAfterReconnect: false,
  autoCompactMs: undefined,
  expandVariables: false,
});

interface Running {
  readonly agent: Agent;
  readonly store: EtcdNorthbound;
}

async function withAgent<T>(w: World, work: (running: Running) => Promise<T>): Promise<T> {
  await using store = openEtcdNorthbound({ conf: conf(w.endpoint), label });
  await using agent = createAgent({ label, netlink: w.netlink, sources: [(core: SourceCore) => store.source(core)] });
  store.publish(agent, () => ({
    build_version: "bench",
    state: 1,
    start_time: 1,
    last_change: 1,
    last_update: 1,
    plugins: [],
    PluginStatus: {},
    NonFatalPlugins: [],
  }));
  return await work({ agent, store });
}

async function putAll(etcd: Etcd, pairs: readonly (readonly [string, string])[]): Promise<void> {
  for (let from = 0; from < pairs.length; from += 128)
    await etcd.txn({
      success: pairs.slice(from, from + 128).map(([key, value]) => ({ put: `${root}${key}`, value })),
    });
}

const configured = (agent: Agent): number =>
  agent.scheduler.statuses({ keyPrefix: routes }).filter(({ value }) => value.state === "CONFIGURED").length;

async function inKernel(handle: Handle): Promise<number> {
  const all = await handle.routeList({ family: 4, table: 254 });
  return all.filter(({ destination }) => destination?.startsWith("10.")).length;
}

async function told(etcd: Etcd): Promise<number> {
  const { kvs } = await etcd.list(prefix(`${statusPrefix(label)}linux/l3/v2/route/`));
  return kvs.filter(({ value }) => readStatus(value).state === "CONFIGURED").length;
}

/** Throws unless kernel and etcd have exactly `count` routes. */
async function check(w: World, count: number): Promise<void> {
  await until("kernel", async () => (await inKernel(w.handle)) === count);
  await until("states", async () => (await told(w.etcd)) === count);
}

async function clear(w: World): Promise<void> {
  await w.etcd.delete(prefix("/vnf-agent/"));
  await w.handle.linkDelete(["a"]).catch(() => {});
  await until("an empty kernel", async () => (await inKernel(w.handle)) === 0);
}

async function starts(w: World, count: number): Promise<Row[]> {
  const times: number[] = [];
  const toldTimes: number[] = [];
  const writes: number[] = [];
  for (let run = 0; run < runs; run++) {
    await clear(w);
    await putAll(w.etcd, [...links, ...Array.from({ length: count }, (_, n) => route(n))]);
    const started = performance.now();
    await withAgent(w, async ({ agent, store }) => {
      await agent.start();
      await until("configured", () => configured(agent) === count);
      times.push(performance.now() - started);
      await until("told", () => (store.published?.operations ?? 0) >= count + links.length);
      toldTimes.push(performance.now() - started);
      await check(w, count);
      writes.push((store.published?.operations ?? 0) / (count + links.length));
    });
  }
  const what = `start with ${count} keys`;
  return [
    { bench: "agent-etcd", what: `${what}: all in the kernel`, unit: "ms", ...summary(times) },
    { bench: "agent-etcd", what: `${what}: all told in etcd`, unit: "ms", ...summary(toldTimes) },
    { bench: "agent-etcd", what: `${what}: states written per value`, unit: "", ...summary(writes) },
    ...(await program(w, count)),
  ];
}

/** The program itself, in a process of its own. */
async function program(w: World, count: number): Promise<Row[]> {
  const times: number[] = [];
  const memory: number[] = [];
  const directory = mkdtempSync(join(tmpdir(), "nsmkit-bench-"));
  writeFileSync(join(directory, "etcd.conf"), `endpoints: ["${w.unixEndpoint}"]\noperation-timeout: 10s\n`);
  writeFileSync(join(directory, "http.conf"), "disable: true\n");
  const main = join(import.meta.dirname, "../cmd/nsm-agent-linux/src/main.ts");
  try {
    for (let run = 0; run < runs; run++) {
      await w.handle.linkDelete(["a"]).catch(() => {});
      await until("no states", async () => (await told(w.etcd)) === 0);
      const started = performance.now();
      const child = spawn("nsenter", [`--net=${w.path}`, "--", process.execPath, main], {
        env: { PATH: process.env.PATH, MICROSERVICE_LABEL: label, CONFIG_DIR: directory },
        stdio: "ignore",
      });
      try {
        await until("routes", async () => (await inKernel(w.handle)) === count);
        times.push(performance.now() - started);
        await check(w, count);
        const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
        memory.push(Number(kib) / 1024);
      } finally {
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        await gone;
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  const what = `nsm-agent-linux with ${count} keys`;
  return [
    { bench: "agent-etcd", what: `${what}: process begun to all in the kernel`, unit: "ms", ...summary(times) },
    { bench: "agent-etcd", what: `${what}: memory`, unit: "MiB", ...summary(memory) },
  ];
}

async function puttingOneByOne(etcd: Etcd, pairs: readonly (readonly [string, string])[]): Promise<void> {
  const left = [...pairs];
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let pair = left.shift(); pair; pair = left.shift()) await etcd.put(`${root}${pair[0]}`, pair[1]);
    }),
  );
}

async function bursts(w: World): Promise<Row[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const transactions: number[] = [];
  const written: number[] = [];
  const pairs = Array.from({ length: burst }, (_, n) => route(n));
  for (let run = 0; run < runs; run++) {
    await clear(w);
    await putAll(w.etcd, links);
    await withAgent(w, async ({ agent, store }) => {
      await agent.start();
      await agent.scheduler.barrier();
      await pause(settleMs);
      const before = mustExist(store.configuration, "source").details.transactions;
      const started = performance.now();
      await Promise.all([puttingOneByOne(w.etcd, pairs), until("configured", () => configured(agent) === burst)]);
      ours.push(performance.now() - started);
      await check(w, burst);
      transactions.push(mustExist(store.configuration, "source").details.transactions - before);
      written.push((store.published?.operations ?? 0) / (burst + links.length));
    });
    await clear(w);
    await putAll(w.etcd, links);
    theirs.push(await eventByEvent(w, pairs));
  }
  return [
    {
      bench: "agent-etcd",
      what: `${burst} single puts: first put to all in the kernel`,
      unit: "ms",
      ...summary(ours),
      rival: { name: "a transaction per event, in turn", value: median(theirs) },
    },
    {
      bench: "agent-etcd",
      what: `${burst} single puts: transactions`,
      unit: "",
      ...summary(transactions),
      rival: { name: "a transaction per event", value: burst },
    },
    { bench: "agent-etcd", what: `${burst} single puts: states written per value`, unit: "", ...summary(written) },
  ];
}

/** The original's way with changes: what a watch tells is pushed event by event, and each push is waited for. */
async function eventByEvent(w: World, pairs: readonly (readonly [string, string])[]): Promise<number> {
  await using agent = createAgent({ label, netlink: w.netlink });
  await using etcd = openEtcd({ endpoints: [w.endpoint] });
  await agent.start();
  const ending = new AbortController();
  const { revision, kvs } = await etcd.list(prefix(`${root}config/`));
  const push = async (key: string, text: string): Promise<void> => {
    const { model } = mustExist(knownModels.modelOfKey(key), "model");
    const item = { key, model, value: parseValue(model, JSON.parse(text)), place: key };
    await agent.northbound.apply([{ source: "datasync", put: [item] }]).settled;
  };
  for (const { key, value } of kvs) await push((textOf(key) ?? "").slice(root.length), textOf(value) ?? "");
  const watching = (async () => {
    const updates = etcd.watch(prefix(`${root}config/`), { fromRevision: revision + 1n, signal: ending.signal });
    for await (const update of updates)
      if (update.kind === "events")
        for (const { kv } of update.events)
          await push((textOf(kv.key) ?? "").slice(root.length), textOf(kv.value) ?? "");
  })();
  await pause(settleMs);
  const started = performance.now();
  await Promise.all([puttingOneByOne(w.etcd, pairs), until("configured", () => configured(agent) === pairs.length)]);
  const took = performance.now() - started;
  await until("kernel", async () => (await inKernel(w.handle)) === pairs.length);
  ending.abort();
  await watching;
  return took;
}

/** @param present keys that are there already */
async function single(w: World, present: number): Promise<Row[]> {
  await clear(w);
  await putAll(w.etcd, [...links, ...Array.from({ length: present }, (_, n) => route(n))]);
  const inPlace: number[] = [];
  const seen: number[] = [];
  await withAgent(w, async ({ agent }) => {
    await agent.start();
    await check(w, present);
    const ending = new AbortController();
    const states = new Map<string, () => void>();
    const watching = (async () => {
      for await (const { value } of agent.scheduler.watch({ signal: ending.signal }))
        if (value.state === "CONFIGURED") states.get(value.key)?.();
    })();
    const statuses = new Map<string, () => void>();
    const reading = (async () => {
      for await (const update of w.etcd.watch(prefix(statusPrefix(label)), { signal: ending.signal }))
        if (update.kind === "events")
          for (const { kv } of update.events)
            if (kv.value.length > 0 && readStatus(kv.value).state === "CONFIGURED")
              statuses.get(textOf(kv.key) ?? "")?.();
    })();
    for (let n = -10; n < puts; n++) {
      const [key, value] = route(present + n + 10);
      const started = performance.now();
      const done = new Promise<number>((resolve) => states.set(key, () => resolve(performance.now() - started)));
      const back = new Promise<number>((resolve) =>
        statuses.set(statusKey(label, key), () => resolve(performance.now() - started)),
      );
      await w.etcd.put(`${root}${key}`, value);
      const [place, etcd] = await Promise.all([done, back]);
      if (n < 0) continue;
      inPlace.push(place);
      seen.push(etcd);
    }
    ending.abort();
    await Promise.all([watching, reading]);
    await check(w, present + puts + 10);
  });
  const row = (what: string, samples: readonly number[], part: number): Row => ({
    bench: "agent-etcd",
    what: `one put${present > 0 ? ` beside ${present} keys` : ""}: ${what}, ${part === 0.5 ? "median" : "p99"}`,
    unit: "ms",
    value: quantile(samples, part),
  });
  return [
    row("in the kernel", inPlace, 0.5),
    row("in the kernel", inPlace, 0.99),
    row("state back in etcd", seen, 0.5),
    row("state back in etcd", seen, 0.99),
  ];
}

await using server = await EtcdServer.start();
await using etcd = openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 10_000 });
await using netlink = await openNetlink();
await using netns = await netlink.namespaces.create();
await using handle = netlink.handle(netns);
await handle.linkSet("lo", { up: true });
const world: World = {
  etcd,
  endpoint: server.endpoint,
  unixEndpoint: server.unixEndpoint,
  path: `/proc/${process.pid}/fd/${netns.fd}`,
  netlink: seenFrom(netlink, netns),
  handle,
};

const rows: Row[] = [
  ...(await single(world, 0)),
  ...(await single(world, sizes.at(-1) ?? 0)),
  ...(await bursts(world)),
];
for (const size of sizes) rows.push(...(await starts(world, size)));
report(rows, { json: flags.json });
