/**
 * Graphs that tempt a scheduler into quadratic work: long chains, many on one, one on many, any-of on a shared and on
 * separate prefixes, pairs in circles, claims. Each is configured in one transaction and removed in another; the final
 * southbound is checked. Calls answer at once, and then each as a promise.
 *
 * Usage: node bench/scheduler-shapes.ts [--max N]     sizes N / 10 and N; default 10000
 */
import assert from "node:assert/strict";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { createScheduler } from "@nsmkit/scheduler";
import { FakeSouthbound, type TestValue, testDescriptor } from "@nsmkit/scheduler/testing";

type Values = (readonly [string, TestValue])[];
const many = (n: number, make: (i: number) => readonly [string, TestValue]): Values =>
  Array.from({ length: n }, (_, i) => make(i));
const link = (i: number): string => `k/${String(i).padStart(6, "0")}`;

const shapes: Readonly<Record<string, (n: number) => Values>> = {
  "many on one": (n) => [["k/zz", {}], ...many(n, (i) => [`k/${i}`, { needs: ["k/zz"] }])],
  "one on many": (n) => [
    ["k/all", { needs: many(n, (i) => [link(i), {}]).map(([key]) => key) }],
    ...many(n, (i) => [link(i), {}]),
  ],
  "chain, first first": (n) => many(n, (i) => [link(i), i > 0 ? { needs: [link(i - 1)] } : {}]),
  "chain, last first": (n) => many(n, (i) => [link(i), i < n - 1 ? { needs: [link(i + 1)] } : {}]),
  "any of one prefix": (n) => [...many(n, (i) => [`z/${i}`, {}]), ...many(n, (i) => [`k/${i}`, { anyOf: ["z/"] }])],
  "any of own prefix": (n) => [
    ...many(n, (i) => [`z/${i}/a`, {}]),
    ...many(n, (i) => [`k/${i}`, { anyOf: [`z/${i}/`] }]),
  ],
  "pairs in circles": (n) => many(n, (i) => [`k/${i}`, { needs: [`k/${i ^ 1}`] }]),
  "a claim each": (n) => many(n, (i) => [`k/${i}`, { claims: [`claim/${i}`] }]),
};

async function run(values: Values, asPromises: boolean): Promise<{ setMs: number; removeMs: number }> {
  const southbound = new FakeSouthbound();
  if (asPromises) southbound.latencyMs = () => 0;
  const descriptors = ["k/", "z/"].map((prefix) => testDescriptor(southbound, prefix, { retrievable: false }));
  await using scheduler = createScheduler({ descriptors });
  const beginSet = performance.now();
  const txn = scheduler.transaction();
  for (const [key, value] of values) txn.set(key, value);
  await txn.commit();
  const setMs = performance.now() - beginSet;
  assert.equal(southbound.values.size, values.length);
  const beginRemove = performance.now();
  await scheduler.transaction().commit({ resync: "upstream" });
  const removeMs = performance.now() - beginRemove;
  assert.equal(southbound.values.size, 0);
  assert.deepEqual(southbound.violations, []);
  return { setMs, removeMs };
}

const { values: flags } = parseArgs({ options: { max: { type: "string", default: "10000" } } });
const sizes = [Number(flags.max) / 10, Number(flags.max)].map(Math.floor);
console.log(
  `scheduler shapes; node ${process.version}, ${cpus()[0]?.model}; growth: time for ${sizes[1]} over time for ${sizes[0]} values`,
);
console.log(
  `shape                 calls     ${sizes.map((n) => `set ${n} ms  remove ms`.padStart(24)).join("")}   growth`,
);
for (const [name, make] of Object.entries(shapes)) {
  for (const asPromises of [false, true]) {
    const totals: number[] = [];
    const cells = [];
    for (const n of sizes) {
      const runs = [];
      for (let i = 0; i < 3; i++) runs.push(await run(make(n), asPromises));
      runs.sort((a, b) => a.setMs + a.removeMs - (b.setMs + b.removeMs));
      const median = runs[1] ?? { setMs: Number.NaN, removeMs: Number.NaN };
      totals.push(median.setMs + median.removeMs);
      cells.push(`${median.setMs.toFixed(1)}  ${median.removeMs.toFixed(1)}`.padStart(24));
    }
    const growth = ((totals[1] ?? Number.NaN) / (totals[0] ?? Number.NaN)).toFixed(1);
    console.log(`${name.padEnd(21)} ${(asPromises ? "promise" : "at once").padEnd(9)} ${cells.join("")}   ${growth}`);
  }
}
