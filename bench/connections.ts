/**
 * Kernel connections to one endpoint through registry, nsmgr and forwarder, each a process of its own: set up one at a
 * time and 16 at a time, refreshed, closed. Every link is counted and a sample of them carries packets before the times
 * count. The floor is the kernel: the same veth pairs, addresses and routes asked for directly in batches.
 *
 * Usage: node bench/connections.ts [--connections N] [--pods N] [--in-flight N] [--payload IP|ETHERNET] [--small]
 *                                  [--profile DIR] [--json]
 *   --connections  default 1000; 10000 is the full size
 *   --pods         network namespaces that the clients are in; default 20
 *   --in-flight    requests at a time; default 16
 *   --payload      default IP, with which the kernel's neighbour tables do not limit the number of peers
 *   --small        200 connections
 *   --profile      writes a CPU profile of each program into DIR
 *   --json         print the figures as JSON
 * Needs root and nsenter.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { messageOf } from "@nsmkit/core";
import { type Handle, openNetlink } from "@nsmkit/netlink";
import { type Client, type ClientConnection, client } from "@nsmkit/sdk";
import { kernelPairsPerSecond } from "./connections/floor.ts";
import { inFlight, type Outcome } from "./connections/in-flight.ts";
import { MeasuredProgram } from "./connections/programs.ts";
import { quantile, type Row, report, short } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    connections: { type: "string", default: "1000" },
    pods: { type: "string", default: "20" },
    "in-flight": { type: "string", default: "16" },
    payload: { type: "string", default: "IP" },
    small: { type: "boolean", default: false },
    profile: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const total = flags.small ? 200 : Number(flags.connections);
const limit = Number(flags["in-flight"]);
/** Set up one at a time, before and after all the others. */
const alone = Math.min(100, Math.ceil(total / 10));
/** Connections that carry packets in the checks. */
const sampled = 100;

const rows: Row[] = [];
const row = (what: string, value: number, unit: string, more: Partial<Row> = {}): void => {
  rows.push({ bench: "connections", what, value, unit, ...more });
};
const say = (text: string): void => {
  if (!flags.json) console.log(text);
};

await using stack = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), "nsmkit-bench-"));
stack.defer(() => rm(directory, { recursive: true, force: true }));
const netlink = stack.use(await openNetlink());

interface Pod {
  readonly path: string;
  readonly handle: Handle;
}
async function pod(): Promise<Pod> {
  const holder: ChildProcess = spawn("unshare", ["--net", "sleep", "86400"], { stdio: "ignore" });
  await once(holder, "spawn");
  stack.defer(() => void holder.kill("SIGKILL"));
  const path = `/proc/${holder.pid}/ns/net`;
  while (readlinkSync(path) === readlinkSync("/proc/self/ns/net")) await new Promise((r) => setTimeout(r, 2));
  const handle = stack.use(netlink.handle(stack.use(await netlink.namespaces.open({ path }))));
  await handle.linkSet("lo", { up: true });
  return { path, handle };
}

const floor = await kernelPairsPerSecond(netlink, Math.min(total, 1000));
const pods = await Promise.all(Array.from({ length: Number(flags.pods) }, pod));
const server = await pod();

const url = (name: string): string => `unix://${directory}/${name}.sock`;
const quietly = { NSM_LOG_LEVEL: "WARN" };
const start = async (...args: Parameters<typeof MeasuredProgram.start>): Promise<MeasuredProgram> =>
  stack.use(await MeasuredProgram.start(args[0], args[1], args[2], { profileTo: flags.profile, ...args[3] }));
const programs = [
  await start("registry", "cmd/nsm-registry/src/main.ts", { NSM_LISTEN_ON: url("registry") }),
  await start("nsmgr", "cmd/nsmgr/src/main.ts", {
    NSM_NAME: "nsmgr",
    NSM_LISTEN_ON: `${url("nsmgr")},tcp://127.0.0.1:0`,
    NSM_REGISTRY_URL: url("registry"),
  }),
  await start(
    "forwarder",
    "cmd/nsm-forwarder/src/main.ts",
    { NSM_NAME: "forwarder", NSM_CONNECT_TO: url("nsmgr"), NSM_LISTEN_ON: url("forwarder") },
    { until: '"msg":"registered"' },
  ),
  await start(
    "endpoint",
    "bench/connections/endpoint.ts",
    { ...quietly, NSM_CONNECT_TO: url("nsmgr"), NSM_PAYLOAD: flags.payload },
    { inside: ["nsenter", `--net=${server.path}`] },
  ),
];

const clients: Client[] = pods.map(({ path }, i) =>
  stack.use(client({ connectTo: url("nsmgr"), name: `client-${i}`, netns: path })),
);
const open: { connection: ClientConnection; pod: Pod }[] = [];
let downs = 0;
let number = 0;

/** One attempt: a failure counts, and nothing tries again behind our back. */
async function connect(): Promise<void> {
  const i = number++;
  const at = i % clients.length;
  const [mesh, place] = [clients[at], pods[at]];
  assert.ok(mesh && place);
  const connection = await mesh.connect(`kernel://svc/c${i}`, { timeoutMs: 0 });
  connection.on("down", () => downs++);
  open.push({ connection, pod: place });
}

const failures = (outcomes: readonly Outcome[]): Outcome[] => outcomes.filter(({ error }) => error !== undefined);
const times = (outcomes: readonly Outcome[]): number[] => outcomes.filter(({ error }) => !error).map(({ ms }) => ms);

function tellFailures(outcomes: readonly Outcome[]): number {
  const failed = failures(outcomes);
  const reasons = new Map<string, number>();
  for (const { error } of failed) reasons.set(messageOf(error), (reasons.get(messageOf(error)) ?? 0) + 1);
  for (const [reason, count] of [...reasons].slice(0, 5)) console.error(`${count} times: ${reason}`);
  return failed.length;
}

/** Every link is there, and packets cross a sample of them. */
async function check(): Promise<void> {
  assert.equal((await server.handle.linkList({ kind: "veth" })).length, open.length);
  const step = Math.max(1, Math.floor(open.length / sampled));
  const sample = open.filter((_, i) => i % step === 0);
  const pings = await Promise.all(
    sample.map(({ connection, pod: { handle } }) => {
      const [source = "", destination = ""] = [connection.addresses[0], connection.peerAddresses[0]].map((cidr) =>
        cidr?.slice(0, cidr.indexOf("/")),
      );
      return handle.ping({ source, destination, count: 3, intervalMs: 20, timeoutMs: 2000 });
    }),
  );
  assert.equal(pings.filter(({ received }) => received > 0).length, sample.length, "packets cross every sampled link");
}

async function costs() {
  return new Map(await Promise.all(programs.map(async (program) => [program.name, await program.cost()] as const)));
}

// The first connection opens the programs' connections to each other.
await connect();
const idle = await costs();

const before = await inFlight(alone, 1, connect);
row(`set-up p50, 1 in flight, ${alone} open at most`, quantile(times(before.outcomes), 0.5), "ms");
row(`set-up p99, 1 in flight, ${alone} open at most`, quantile(times(before.outcomes), 0.99), "ms");

const quiet = await costs();
const pause = monitorEventLoopDelay({ resolution: 5 });
pause.enable();
const bulkCount = total - open.length - alone;
const ownCpu = process.cpuUsage();
const bulk = await inFlight(bulkCount, limit, connect);
pause.disable();
const { user, system } = process.cpuUsage(ownCpu);
const bulkCost = await costs();
const after = await inFlight(total - open.length, 1, connect);
await check();

const failed = tellFailures([...before.outcomes, ...bulk.outcomes, ...after.outcomes]);
row("failures", failed, "", { budget: "= 0" });
row(`set-up p50, ${limit} in flight`, quantile(times(bulk.outcomes), 0.5), "ms");
row(`set-up p99, ${limit} in flight`, quantile(times(bulk.outcomes), 0.99), "ms", { budget: "< 50" });
row(`connections per second, ${limit} in flight`, bulkCount / bulk.seconds, "/s", {
  budget: ">= 200",
  rival: { name: "kernel alone", value: floor },
});
row(`set-up p50, 1 in flight, ${open.length} open`, quantile(times(after.outcomes), 0.5), "ms", {
  rival: { name: `${alone} open`, value: quantile(times(before.outcomes), 0.5) },
});
const tenth = Math.ceil(bulkCount / 10);
const p50Of = (from: number, to: number): number => quantile(times(bulk.outcomes.slice(from, to)), 0.5);
row(`set-up p50 of the last tenth, ${limit} in flight`, p50Of(bulkCount - tenth, bulkCount), "ms", {
  rival: { name: "of the second tenth", value: p50Of(tenth, 2 * tenth) },
});
for (const [name, { rssMiB }] of bulkCost) {
  row(`memory of ${name}`, rssMiB, "MiB", { rival: { name: "with 1 connection", value: idle.get(name)?.rssMiB ?? 0 } });
}
const cpuEach = [...bulkCost].map(([name, { cpuMs }]): [string, number] => [
  name,
  (cpuMs - (quiet.get(name)?.cpuMs ?? 0)) / bulkCount,
]);
cpuEach.push(["clients", (user + system) / 1000 / bulkCount]);
for (const [name, ms] of cpuEach) row(`processor time per connection, ${name}`, ms, "ms");
say(`longest pause of the clients' process ${short(pause.max / 1e6)} ms`);

await costs();
const refreshed = await inFlight(open.length, limit, (i) => open[i]?.connection.refresh() ?? Promise.resolve());
const refreshCost = await costs();
row("refreshes failed", tellFailures(refreshed.outcomes), "", { budget: "= 0" });
row("refreshes per second", open.length / refreshed.seconds, "/s");
row("refresh p99", quantile(times(refreshed.outcomes), 0.99), "ms");
for (const [name, { longestPauseMs }] of refreshCost) {
  row(`longest pause of ${name} while all are refreshed`, longestPauseMs, "ms");
}
await check();
row("connections that went down", downs, "", { budget: "= 0" });

const closing = [...open];
const closed = await inFlight(closing.length, 4 * limit, (i) => closing[i]?.connection.close() ?? Promise.resolve());
open.length = 0;
row("close of all", closed.seconds, "s");
row("closes per second", closing.length / closed.seconds, "/s");
await check();
const left = await Promise.all([server, ...pods].map(({ handle }) => handle.linkList({ kind: "veth" })));
row("links left", left.flat().length, "", { budget: "= 0" });

report(rows, { json: flags.json });
assert.equal(failed + left.flat().length + downs, 0);
