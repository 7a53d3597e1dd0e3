import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeclaredPair } from "@nsmkit/agent/cnf-configuration";
import { keysPerStep, type Owner, type Plan, planChange, planRemoval, type StoreView, type Wanted } from "./plan.ts";
import { formatRecord, hashOf, type OwnerRecord, RecordPlaces, readOwnerKey, readRecord } from "./record.ts";

/** A store by hand: values by key, records by "cluster namespace/name". */
function view(values: Record<string, string>, records: Record<string, readonly string[]> = {}): StoreView {
  const owners = Object.entries(records).map(([name, keys]): Owner => {
    const [cluster = "", resource = ""] = name.split(" ");
    return { cluster, resource, record: { uid: "u", generation: 1, hash: "old", keys }, modRevision: 1n };
  });
  return {
    cluster: "here",
    valueOf: (key) => (values[key] === undefined ? undefined : { value: values[key], modRevision: 1n }),
    recordOf: (resource) => owners.find((one) => one.cluster === "here" && one.resource === resource),
    ownersOf: (key) => owners.filter(({ record }) => record.keys.includes(key)),
  };
}

const pair = (key: string, value = "1", index = 0): DeclaredPair => ({
  ...{ index, label: "a", model: "m.t", itemKey: key, key, value },
});
const wanted = (pairs: readonly DeclaredPair[], more: Partial<Wanted> = {}): Wanted => ({
  ...{ resource: "n/one", uid: "u", generation: 1, pairs, takeOver: false },
  ...more,
});
const options = { isSame: (_: string, a: string, b: string) => a.trim() === b.trim(), rivalOf: () => undefined };
const plan = (pairs: readonly DeclaredPair[], store: StoreView, more: Partial<Wanted> = {}): Plan =>
  planChange(wanted(pairs, more), store, options);

function onlyStep(found: Plan) {
  assert.equal(found.kind, "write");
  assert.ok(found.kind === "write" && found.steps.length === 1);
  const [step] = found.steps;
  assert.ok(step);
  return step;
}

test("new keys are put, vanished ones deleted, others left, in one step with the record", () => {
  const step = onlyStep(plan([pair("a"), pair("b", "2")], view({ a: "1", c: "3" }, { "here n/one": ["a", "c"] })));
  assert.deepEqual(
    step.puts.map(({ key }) => key),
    ["b"],
  );
  assert.deepEqual(step.deletes, ["c"]);
  assert.ok(typeof step.record === "object" && step.record.put.hash === hashOf([pair("b", "2"), pair("a")]));
});

test("a key that means the same is adopted as it is when its bytes are right, and rewritten when they are not", () => {
  const right = onlyStep(plan([pair("a")], view({ a: "1" })));
  assert.deepEqual([right.puts, right.guards], [[], ["a"]]);
  const spaced = onlyStep(plan([pair("a")], view({ a: " 1 " })));
  assert.deepEqual([spaced.puts.length, spaced.guards], [1, []]);
});

test("clusters that share an etcd: the same value is shared, another one is a conflict, and neither deletes the other's", () => {
  const shared = view({ a: "1", b: "x" }, { "there n/one": ["a", "b"] });
  onlyStep(plan([pair("a")], shared));
  const conflict = plan([pair("b")], shared);
  assert.ok(conflict.kind === "conflict");
  assert.match(conflict.problems[0]?.text ?? "", /belongs to CNFConfiguration n\/one of the cluster there/);
  const both = view({ a: "1" }, { "there n/one": ["a"], "here n/one": ["a"] });
  const removal = planRemoval("n/one", both);
  assert.deepEqual(onlyStep(removal).deletes, []);
  assert.equal(onlyStep(removal).record, "delete");
});

test("a take-over overwrites what nobody owns, never what another resource owns", () => {
  onlyStep(plan([pair("a")], view({ a: "x" }), { takeOver: true }));
  const owned = plan([pair("a")], view({ a: "x" }, { "here n/two": ["a"] }), { takeOver: true });
  assert.equal(owned.kind, "conflict");
});

test("one key in conflict keeps all the others from being written", () => {
  const found = plan([pair("a", "1", 0), pair("b", "1", 1)], view({ b: "x" }));
  assert.ok(found.kind === "conflict");
  assert.deepEqual(
    found.problems.map(({ index, place }) => [index, place]),
    [[1, "spec.configItems[1]"]],
  );
});

test("steps are as large as etcd takes, in keys and in bytes, and each leaves a record of what is there", () => {
  const many = Array.from({ length: 300 }, (_, i) => pair(`k${String(i).padStart(3, "0")}`, "v", i));
  const old = Array.from({ length: 50 }, (_, i) => `o${i}`);
  const found = plan(many, view(Object.fromEntries(old.map((key) => [key, "v"])), { "here n/one": old }));
  assert.ok(found.kind === "write");
  const there = new Set(old);
  for (const { puts, deletes, guards, record } of found.steps) {
    assert.ok(puts.length + deletes.length + guards.length <= keysPerStep);
    for (const { key } of puts) there.add(key);
    for (const key of deletes) there.delete(key);
    assert.ok(typeof record === "object");
    assert.deepEqual(record.put.keys.toSorted(), [...there].toSorted());
  }
  assert.deepEqual([...there].toSorted(), many.map(({ key }) => key).toSorted());
  const firstDelete = found.steps.findIndex(({ deletes }) => deletes.length > 0);
  assert.ok(
    found.steps.slice(firstDelete + 1).every(({ puts }) => puts.length === 0),
    "values come before others go",
  );
  const large = plan([pair("a", "x".repeat(700_000)), pair("b", "y".repeat(700_000), 1)], view({}));
  assert.equal(large.kind === "write" && large.steps.length, 2);
});

test("a record is read back as it was, and anything else is none", () => {
  const record: OwnerRecord = { uid: "u", generation: 2, hash: "h", keys: ["a", "b"] };
  assert.deepEqual(readRecord(formatRecord(record)), record);
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"uid":1}',
    '{"uid":"u","generation":1.5,"hash":"","keys":[]}',
    '{"uid":"u","generation":1,"hash":"","keys":[1]}',
  ])
    assert.equal(readRecord(text), undefined, text);
  const places = new RecordPlaces("c1");
  assert.deepEqual(readOwnerKey(places.ownerKey("n/one")), { cluster: "c1", resource: "n/one" });
  for (const key of [places.leaderKey, "/cnf-crd/c1/owner/n", "/cnf-crd/c1/owner/n/one/more", "/other"])
    assert.equal(readOwnerKey(key), undefined, key);
});

test("a key that leaves a record unwritten must really be gone, or really be another's: what is known may be old", () => {
  const gone = onlyStep(planRemoval("n/one", view({}, { "here n/one": ["a"] })));
  assert.deepEqual([gone.deletes, gone.guards, gone.record], [[], ["a"], "delete"]);
  const shared = onlyStep(planRemoval("n/one", view({ a: "1" }, { "here n/one": ["a"], "there n/two": ["a"] })));
  assert.deepEqual([shared.deletes, shared.guards], [[], ["/cnf-crd/there/owner/n/two"]]);
  const changed = onlyStep(plan([pair("b")], view({ b: "1" }, { "here n/one": ["a", "b"] })));
  assert.deepEqual([changed.deletes, changed.guards], [[], ["a"]]);
});
