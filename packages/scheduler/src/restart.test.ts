import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createScheduler, type RetrievedValue } from "./index.ts";
import { change } from "./testing/arbitrary.ts";
import { FakeSouthbound, type TestValue, testDescriptor } from "./testing/index.ts";

/** Everything can be read back; a base value tells which of its derived values are there. */
function start(southbound: FakeSouthbound) {
  const retrieve = (prefix: string) => (): RetrievedValue<TestValue>[] =>
    [...southbound.values]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => {
        const { derives = {}, ...rest } = value as TestValue;
        const there = Object.entries(derives).filter(([k]) => k.startsWith("p/") || southbound.values.has(k));
        return { key, value: { ...rest, derives: Object.fromEntries(there) }, origin: "NB" };
      });
  // What is derived is not part of the base itself.
  const equal = (a: TestValue, b: TestValue) =>
    String([a.content, a.mold, a.needs, a.anyOf]) === String([b.content, b.mold, b.needs, b.anyOf]);
  return createScheduler({
    descriptors: [
      ...["a/", "b/", "r/"].map((prefix) => testDescriptor(southbound, prefix, { equal, retrieve: retrieve(prefix) })),
      testDescriptor(southbound, "d/", { retrievable: false }),
    ],
  });
}

const ring = ["r/0", "r/1", "r/2", "r/3"];
const ringChange = fc.tuple(
  fc.constantFrom(...ring),
  fc.subarray(ring).map((needs): TestValue => ({ needs })),
);

async function configure(southbound: FakeSouthbound, wanted: ReadonlyMap<string, TestValue>, resync: boolean) {
  const scheduler = start(southbound);
  const txn = scheduler.transaction();
  for (const [key, value] of wanted) txn.set(key, value);
  const { errors } = await txn.commit(resync ? { resync: "full" } : {});
  assert.deepEqual(errors, []);
  const states = scheduler.statuses();
  await scheduler.close();
  return states;
}

const stateOf = (states: Awaited<ReturnType<typeof configure>>): string[] =>
  states.flatMap(({ value, derived_values = [] }) =>
    [value, ...derived_values].map(({ key, state }) => `${key} ${state}`),
  );

test("a scheduler that starts anew on an unchanged world does nothing, and says the same of every value", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(change, ringChange), { maxLength: 12 }), async (changes) => {
      const wanted = new Map(changes.flatMap(([key, value]) => (value ? [[key, value] as const] : [])));
      const southbound = new FakeSouthbound();
      const before = await configure(southbound, wanted, false);
      southbound.take();
      const after = await configure(southbound, wanted, true);
      assert.deepEqual(southbound.take(), []);
      assert.deepEqual(stateOf(after), stateOf(before));
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 100) },
  );
});

test("a scheduler that starts anew ends where one that starts on an empty world ends", async () => {
  const half = fc.array(fc.oneof(change, ringChange), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(half, half, async (earlier, now) => {
      const asMap = (changes: typeof now) =>
        new Map(changes.flatMap(([key, value]) => (value ? [[key, value] as const] : [])));
      const southbound = new FakeSouthbound();
      await configure(southbound, asMap(earlier), false);
      const after = await configure(southbound, asMap(now), true);
      const empty = new FakeSouthbound();
      assert.deepEqual(stateOf(after), stateOf(await configure(empty, asMap(now), false)));
      assert.deepEqual([...southbound.values.keys()].sort(), [...empty.values.keys()].sort());
      assert.deepEqual(southbound.violations, []);
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 100) },
  );
});
