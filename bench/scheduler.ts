/**
 * One bridge domain and n interfaces in one transaction on an empty southbound, as the original scheduler's own scale
 * benchmark does it: the bridge domain derives n values, each of which depends on its interface, so 2n + 1 creates with
 * a fan-in of n on one base value. Timed with set-up and tear-down, history on. Then one more interface is added to the
 * bridge domain, which must cost what one interface costs plus a look at the list. The growth column is taken from CPU time
 * (all threads, so with garbage collection), which other load on the machine disturbs less.
 *
 * Usage: node bench/scheduler.ts [--max N] [--runs N] [--simulate] [--json] [--rival-json FILE]
 *   --max         largest n; default 10000
 *   --runs        timed runs per size; default 15 (fewer above n = 1000)
 *   --simulate    work out and record the plan before executing
 *   --json        print figures as JSON
 *   --rival-json  figures measured elsewhere, {"<n>": milliseconds}; the ratio is printed
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { createScheduler, type Descriptor, type Scheduler } from "@nsmkit/scheduler";

interface BridgeDomain {
  readonly name: string;
  readonly interfaces: readonly string[];
}

const { values: flags } = parseArgs({
  options: {
    max: { type: "string", default: "10000" },
    runs: { type: "string", default: "15" },
    simulate: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    "rival-json": { type: "string" },
  },
});

let creates = 0;

function descriptors(): Descriptor[] {
  const count = (): undefined => {
    creates++;
  };
  const none = (): void => {};
  return [
    {
      name: "interface",
      keySelector: { prefix: "config/mock/v1/interfaces/" },
      nbKeyPrefix: "config/mock/v1/interfaces/",
      create: count,
      delete: none,
    },
    {
      name: "bridge-domain",
      keySelector: { prefix: "config/mock/v1/bridge-domain/" },
      nbKeyPrefix: "config/mock/v1/bridge-domain/",
      create: count,
      update: none as () => undefined,
      delete: none,
      equal: (a, b) => (a as BridgeDomain).name === (b as BridgeDomain).name,
      derivedValues: (_key, value) => {
        const { name, interfaces } = value as BridgeDomain;
        return interfaces.map((iface) => ({ key: `mock/bd/${name}/interface/${iface}`, value: iface }));
      },
    },
    {
      name: "bridge-domain-interface",
      keySelector: { prefix: "mock/bd/" },
      create: count,
      delete: none,
      dependencies: (_key, value) => [{ label: "interface-exists", key: interfaceKey(value as string) }],
    },
  ];
}

const interfaceKey = (name: string): string => `config/mock/v1/interfaces/${name}`;
const bdKey = "config/mock/v1/bridge-domain/bd-1";
const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `iface-${i}`);

async function configure(scheduler: Scheduler, n: number): Promise<void> {
  const txn = scheduler.transaction();
  const interfaces = names(n);
  for (const name of interfaces) txn.set(interfaceKey(name), { name, type: "LOOPBACK" });
  txn.set(bdKey, { name: "bd-1", interfaces });
  const { errors } = await txn.commit({ description: "benchmarking scale", simulate: flags.simulate ?? false });
  assert.deepEqual(errors, []);
}

async function check(n: number): Promise<void> {
  creates = 0;
  await using scheduler = createScheduler({ descriptors: descriptors() });
  await configure(scheduler, n);
  assert.equal(creates, 2 * n + 1);
  const statuses = scheduler.statuses();
  assert.equal(statuses.length, n + 1);
  for (const { value, derived_values = [] } of statuses) {
    for (const { key, state } of [value, ...derived_values]) assert.equal(state, "CONFIGURED", key);
  }
  assert.equal(scheduler.status(bdKey).derived_values?.length, n);
  assert.equal(scheduler.recordedTransaction(0)?.Executed?.length, 2 * n + 1);
}

/** ms for one run with set-up and tear-down, and ms for adding one interface afterwards. */
async function run(n: number): Promise<{ scaleMs: number; cpuMs: number; addOneMs: number }> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const scheduler = createScheduler({ descriptors: descriptors() });
  await configure(scheduler, n);
  const configured = performance.now();
  const used = process.cpuUsage(cpu);
  const before = creates;
  const txn = scheduler.transaction().set(interfaceKey("one-more"), { name: "one-more", type: "LOOPBACK" });
  const interfaces = [...names(n), "one-more"];
  const beginAdd = performance.now();
  await txn.set(bdKey, { name: "bd-1", interfaces }).commit();
  const addOneMs = performance.now() - beginAdd;
  assert.equal(creates - before, 2);
  const beginClose = performance.now();
  await scheduler.close();
  const closeMs = performance.now() - beginClose;
  return { scaleMs: configured - begin + closeMs, cpuMs: (used.user + used.system) / 1000 + closeMs, addOneMs };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

const rivalPath = flags["rival-json"];
const rival: Record<string, number> = rivalPath ? JSON.parse(await readFile(rivalPath, "utf8")) : {};
const rows = [];
for (let n = 1; n <= Number(flags.max); n *= 10) {
  await check(n);
  const runs = Math.max(7, Math.min(Number(flags.runs), Math.floor((Number(flags.runs) * 1000) / n)));
  for (let i = 0; i < Math.min(3, runs); i++) await run(n);
  const samples = [];
  for (let i = 0; i < runs; i++) samples.push(await run(n));
  const scale = samples.map((s) => s.scaleMs).sort((a, b) => a - b);
  const add = samples.map((s) => s.addOneMs).sort((a, b) => a - b);
  const medianMs = quantile(scale, 0.5);
  const cpuMs = quantile(
    samples.map((s) => s.cpuMs).sort((a, b) => a - b),
    0.5,
  );
  const rivalMs = rival[n];
  rows.push({
    n,
    runs,
    medianMs,
    p10Ms: quantile(scale, 0.1),
    p90Ms: quantile(scale, 0.9),
    cpuMs,
    nsPerNLogN: (cpuMs * 1e6) / (n * Math.max(1, Math.log2(n))),
    addOneMs: quantile(add, 0.5),
    ...(rivalMs === undefined ? {} : { rivalMs, ratio: medianMs / rivalMs }),
  });
}

if (flags.json) {
  console.log(
    JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, simulate: flags.simulate, rows }, null, 2),
  );
} else {
  console.log(`scheduler: one bridge domain and n interfaces; node ${process.version}, ${cpus()[0]?.model}`);
  console.log("      n  runs  median ms  p10..p90 ms          cpu ms ns/(n log2 n)  add one ms  rival ms  ratio");
  for (const row of rows) {
    const spread = `${row.p10Ms.toFixed(2)}..${row.p90Ms.toFixed(2)}`;
    const against = row.rivalMs === undefined ? "" : `${row.rivalMs.toFixed(2).padStart(9)}  ${row.ratio?.toFixed(2)}`;
    console.log(
      `${String(row.n).padStart(7)} ${String(row.runs).padStart(5)} ${row.medianMs.toFixed(2).padStart(10)}  ${spread.padEnd(18)} ${row.cpuMs.toFixed(2).padStart(8)} ${row.nsPerNLogN.toFixed(0).padStart(13)} ${row.addOneMs.toFixed(3).padStart(11)} ${against}`,
    );
  }
}
