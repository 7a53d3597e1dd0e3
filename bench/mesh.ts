/**
 * Connections through the control plane alone: client, nsmgr, forwarder and endpoint as processes of their own over unix
 * sockets, with a data plane that only remembers. Set-up at 1 and 16 in flight, in blocks, to show that the number
 * already open does not matter; then refreshes, then closes. The result is checked before the figures are printed.
 * The rival is the floor under it: the same request echoed over one such socket, in the same run.
 *
 * Usage: node bench/mesh.ts [--connections N] [--in-flight N] [--small] [--json]
 *   --connections  default 2000; 10000 shows more and takes longer
 *   --in-flight    default 16
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { create } from "@bufbuild/protobuf";
import { ConnectionSchema, NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { silentLogger } from "@nsmkit/core";
import { type ClientConnection, client, endpoint, insecureIdentity } from "@nsmkit/sdk";
import { Gate } from "@nsmkit/sdk/chain";
import { memoryRegistry, registryBindings } from "@nsmkit/sdk/registry";
import { startForwarder, startNsmgr } from "@nsmkit/sdk/testing";
import { bindService, dial, listen } from "@nsmkit/sdk/transport";
import { quantile, type Row, report } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    connections: { type: "string", default: "2000" },
    "in-flight": { type: "string", default: "16" },
    small: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    role: { type: "string" },
    directory: { type: "string", default: "" },
  },
});

const socketOf = (name: string, directory = flags.directory): string => `unix://${directory}/${name}.sock`;

/** What the forked processes are: this file under a role. @returns how many connections it has */
const roles: Readonly<Record<string, () => Promise<() => number>>> = {
  async registry() {
    const identity = insecureIdentity({ name: "registry" });
    await listen([socketOf("registry")], { identity, services: registryBindings(memoryRegistry({ identity })) });
    return () => 0;
  },
  async nsmgr() {
    const identity = insecureIdentity({ name: "nsmgr" });
    const { chain } = await startNsmgr({
      ...{ name: "nsmgr", identity, logger: silentLogger, socket: socketOf("nsmgr") },
      ...{ publicUrl: "tcp://127.0.0.1:0", registryUrl: socketOf("registry") },
    });
    return () => chain.size;
  },
  async forwarder() {
    const identity = insecureIdentity({ name: "forwarder" });
    const { chain } = await startForwarder({
      ...{ name: "forwarder", identity, logger: silentLogger, socket: socketOf("forwarder") },
      ...{ nsmgrUrl: socketOf("nsmgr"), tunnelIp: "10.0.0.1" },
    });
    return () => chain.size;
  },
  async endpoint() {
    const web = await endpoint({
      ...{ connectTo: socketOf("nsmgr"), name: "web-1", services: ["web"], cidrs: ["10.0.0.0/8"] },
    });
    return () => web.connections.length;
  },
  async echo() {
    const identity = insecureIdentity({ name: "echo" });
    const handlers = bindService(NetworkService, {
      request: async ({ connection }) => connection ?? create(ConnectionSchema),
      close: async () => ({}),
    });
    await listen([socketOf("echo")], { identity, services: [handlers] });
    return () => 0;
  },
};

interface Figures {
  readonly connections: number;
  readonly rssMiB: number;
  readonly longestPauseMs: number;
}

async function serve(role: string): Promise<void> {
  const connections = await roles[role]?.();
  const pauses = monitorEventLoopDelay({ resolution: 1 });
  pauses.enable();
  process.on("message", () => {
    const figures: Figures = {
      connections: connections?.() ?? 0,
      rssMiB: process.memoryUsage.rss() / 2 ** 20,
      longestPauseMs: pauses.max / 1e6,
    };
    process.send?.(figures);
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("serving");
}

interface Timed<T> {
  readonly results: T[];
  readonly perSecond: number;
  readonly timesMs: readonly number[];
}

async function timed<T>(count: number, inFlight: number, task: (at: number) => Promise<T>): Promise<Timed<T>> {
  const gate = new Gate(inFlight);
  const timesMs: number[] = [];
  const start = performance.now();
  const results = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      gate.run(async () => {
        const from = performance.now();
        const result = await task(at);
        timesMs.push(performance.now() - from);
        return result;
      }),
    ),
  );
  return { results, timesMs, perSecond: (count / (performance.now() - start)) * 1000 };
}

async function ask(child: ChildProcess): Promise<Figures> {
  child.send("figures");
  const [figures] = (await once(child, "message")) as [Figures];
  return figures;
}

async function main(): Promise<void> {
  const count = flags.small ? 200 : Number(flags.connections);
  const inFlight = Number(flags["in-flight"]);
  const directory = await mkdtemp(join(tmpdir(), "nsm-bench-"));
  const children = new Map<string, ChildProcess>();
  try {
    for (const role of Object.keys(roles)) {
      const child = fork(import.meta.filename, ["--role", role, "--directory", directory]);
      children.set(role, child);
      await once(child, "message");
    }
    await measure({ count, inFlight, directory, children });
  } finally {
    for (const child of children.values()) {
      if (child.exitCode !== null) continue;
      child.disconnect();
      await once(child, "exit");
    }
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(options: {
  readonly count: number;
  readonly inFlight: number;
  readonly directory: string;
  readonly children: ReadonlyMap<string, ChildProcess>;
}): Promise<void> {
  const { count, inFlight, directory, children } = options;
  const floor = await echoes(directory, inFlight);
  await using nsc = client({ connectTo: socketOf("nsmgr", directory), name: "nsc" });
  await (await nsc.connect("kernel://web")).close();

  const blocks: Timed<ClientConnection>[] = [];
  for (let block = 0; block < 5; block++)
    blocks.push(await timed(count / 5, inFlight, () => nsc.connect("kernel://web")));
  const one = await timed(Math.min(100, count), 1, () => nsc.connect("kernel://web"));
  const open = [...blocks, one].flatMap(({ results }) => results);
  const addresses = new Set(open.flatMap((connection) => connection.addresses));
  assert.equal(addresses.size, open.length, "every connection has an address of its own");
  const figures = new Map<string, Figures>();
  for (const role of ["nsmgr", "forwarder", "endpoint"]) {
    const child = children.get(role);
    assert.ok(child);
    figures.set(role, await ask(child));
    assert.equal(figures.get(role)?.connections, open.length, `${role} has every connection`);
  }
  const refreshed = await timed(open.length, inFlight, async (at) => open[at]?.refresh());
  const closed = await timed(open.length, inFlight, async (at) => open[at]?.close());
  for (const role of figures.keys()) {
    const child = children.get(role);
    assert.ok(child);
    assert.equal((await ask(child)).connections, 0, `${role} has let go of every connection`);
  }

  const bench = "mesh";
  const times = blocks.flatMap(({ timesMs }) => timesMs);
  const rates = blocks.map(({ perSecond }) => perSecond);
  const rival = { name: "echo", value: floor.perSecond };
  const rows: Row[] = [
    {
      bench,
      what: `set-ups, ${inFlight} in flight`,
      value: quantile(rates, 0.5),
      unit: "/s",
      spread: rates.map(Math.round).join(" "),
      rival,
      budget: ">= 200",
    },
    { bench, what: "set-up p50", value: quantile(times, 0.5), unit: "ms" },
    { bench, what: "set-up p99", value: quantile(times, 0.99), unit: "ms", budget: "<= 50" },
    {
      bench,
      what: "last block against first",
      value: (rates.at(-1) ?? 0) / (rates[0] ?? 1),
      unit: "x",
      budget: ">= 0.8",
    },
    { bench, what: "set-up alone, p50", value: quantile(one.timesMs, 0.5), unit: "ms" },
    { bench, what: "refreshes", value: refreshed.perSecond, unit: "/s", rival },
    { bench, what: "closes", value: closed.perSecond, unit: "/s" },
    ...[...figures].flatMap(([role, { rssMiB, longestPauseMs }]): Row[] => [
      { bench, what: `${role} memory at ${open.length}`, value: rssMiB, unit: "MiB" },
      { bench, what: `${role} longest pause`, value: longestPauseMs, unit: "ms" },
    ]),
  ];
  report(rows, { json: flags.json });
}

async function echoes(directory: string, inFlight: number): Promise<Timed<unknown>> {
  await using channel = dial(socketOf("echo", directory), { identity: insecureIdentity({ name: "nsc" }) });
  const pathSegments = Array.from({ length: 4 }, (_, at) => ({ name: `segment-${at}`, id: crypto.randomUUID() }));
  const request = create(NetworkServiceRequestSchema, { connection: { id: "c", path: { pathSegments } } });
  const send = () => channel.unary(NetworkService.method.request, request);
  await timed(500, inFlight, send);
  return await timed(2_000, inFlight, send);
}

if (flags.role === undefined) await main();
else await serve(flags.role);
