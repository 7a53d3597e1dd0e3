import assert from "node:assert/strict";
import { test } from "node:test";
import type { ValueStatus } from "@nsmkit/scheduler";
import type { DeclaredPair } from "../pairs.ts";
import { computeStatus, type Progress, type StatusInput } from "./compute.ts";
import type { AgentPresence } from "./items.ts";
import { type CnfConfigurationStatus, conditionOf, isSameStatus } from "./status.ts";

const pair = (index: number): DeclaredPair => ({
  ...{ index, label: "nat", model: "m.t", itemKey: `config/m/${index}`, key: `/vnf-agent/nat/config/m/${index}` },
  value: "{}",
});
const pairs = [pair(0), pair(1)];

function compute(
  progress: Progress,
  states: readonly Partial<ValueStatus>[] = [],
  agent: AgentPresence = "reporting",
  more: Partial<StatusInput> = {},
): CnfConfigurationStatus {
  return computeStatus({
    ...{ generation: 3, itemCount: 2, pairs, progress, before: undefined, now: "2026-01-01T00:00:00Z" },
    reported: {
      stateOf: ({ index }) => states[index] && ({ key: `config/m/${index}`, ...states[index] } as ValueStatus),
      agentOf: () => agent,
    },
    ...more,
  });
}
const told = (status: CnfConfigurationStatus): string[] =>
  (status.conditions ?? []).map(({ type, status: is, reason }) => `${type} ${is} ${reason}`);
const stored: Progress = { kind: "stored" };

test("all items configured is Ready, of the generation that was looked at", () => {
  const status = compute(stored, [{ state: "CONFIGURED" }, { state: "OBTAINED" }]);
  assert.deepEqual(told(status), ["Accepted True Accepted", "Stored True Stored", "Ready True Configured"]);
  assert.deepEqual(
    [status.observedGeneration, status.configured, status.status, status.message],
    [3, "2/2", "Success", "2 of 2 items are configured"],
  );
  assert.ok(status.conditions?.every((one) => one.observedGeneration === 3));
});

test("an item that waits says for what, one that failed says why, and the worst decides about Ready", () => {
  const status = compute(stored, [
    { state: "PENDING", details: ["interface tap0", "vrf 1"] },
    { state: "RETRYING", error: "no route" },
  ]);
  assert.deepEqual(
    status.items?.map(({ state, message }) => [state, message]),
    [
      ["PENDING", "waits for interface tap0, vrf 1"],
      ["FAILED", "no route (is tried again)"],
    ],
  );
  assert.deepEqual(told(status)[2], "Ready False ItemsFailed");
  assert.equal(status.message, "item 2 (m.t): no route (is tried again)");
});

test("every state of a value is one of an item", () => {
  const states = [
    ...["NONEXISTENT", "MISSING", "UNIMPLEMENTED", "REMOVED", "CONFIGURED", "OBTAINED", "DISCOVERED"],
    ...["PENDING", "INVALID", "FAILED", "RETRYING"],
  ] as ValueStatus["state"][];
  const seen = states.map((state) => compute(stored, [{ state }, { state }]).items?.[0]?.state);
  assert.deepEqual(seen, [
    ...["UNKNOWN", "FAILED", "FAILED", "UNKNOWN", "CONFIGURED", "CONFIGURED", "CONFIGURED"],
    ...["PENDING", "INVALID", "FAILED", "FAILED"],
  ]);
});

test("without an agent, or with one that tells nothing, Ready is unknown and says what to do", () => {
  const absent = compute(stored, [], "absent");
  assert.equal(told(absent)[2], "Ready Unknown NotReported");
  assert.match(absent.message ?? "", /^2 of 2 items are unknown, item 1 .*no agent with the label nat reports$/);
  assert.match(compute(stored, [], "silent").message ?? "", /ENABLE_STATUS_PUBLISHING=true/);
  assert.match(compute(stored, [], "reporting").message ?? "", /has not taken it up yet/);
});

test("a refused resource tells every mistake where it was made, and nothing of it is stored", () => {
  const problems = [{ index: 1, place: "spec.configItems[1].module", text: "item 2: the model x is unknown" }];
  const status = compute({ kind: "invalid", problems }, [], "reporting", { pairs: [] });
  assert.deepEqual(told(status), ["Accepted False Invalid", "Stored False NotAccepted", "Ready False Invalid"]);
  assert.deepEqual(status.items, [
    { index: 0, state: "PENDING", message: "waits until the whole resource is accepted" },
    { index: 1, state: "INVALID", message: "item 2: the model x is unknown" },
  ]);
  assert.equal(status.status, "Failure");
  assert.equal(told(compute({ kind: "conflict", problems }))[0], "Accepted False Conflict");
});

test("what is not in etcd yet says so", () => {
  const status = compute({ kind: "waiting", reason: "EtcdUnavailable", message: "etcd is away" });
  assert.deepEqual(told(status), ["Accepted True Accepted", "Stored False EtcdUnavailable", "Ready False NotStored"]);
  assert.deepEqual(
    new Set(status.items?.map(({ state, message }) => `${state} ${message}`)),
    new Set(["PENDING etcd is away"]),
  );
});

test("an agent that reads resources itself says nothing of a store", () => {
  assert.deepEqual(told(compute({ kind: "read" }, [{ state: "CONFIGURED" }, { state: "CONFIGURED" }])), [
    "Accepted True Accepted",
    "Ready True Configured",
  ]);
});

test("the time of a condition is that of its last change, so that the same facts give the same status", () => {
  const before = compute(stored, [{ state: "PENDING" }, { state: "PENDING" }]);
  const again = { before, now: "2026-02-02T00:00:00Z" };
  assert.ok(isSameStatus(before, compute(stored, [{ state: "PENDING" }, { state: "PENDING" }], "reporting", again)));
  const after = compute(stored, [{ state: "CONFIGURED" }, { state: "CONFIGURED" }], "reporting", again);
  assert.equal(conditionOf(after, "Ready")?.lastTransitionTime, again.now);
  assert.equal(conditionOf(after, "Stored")?.lastTransitionTime, "2026-01-01T00:00:00Z");
});

test("the API server's order of fields makes no difference, a changed text does", () => {
  const status = compute(stored, [{ state: "FAILED", error: "a" }]);
  const reordered = Object.fromEntries(Object.entries(status).reverse()) as CnfConfigurationStatus;
  assert.ok(isSameStatus(reordered, status));
  assert.ok(!isSameStatus(status, compute(stored, [{ state: "FAILED", error: "b" }])));
  assert.ok(!isSameStatus(undefined, status));
});

test("of very many items the status has those that are not configured, and its size has a limit", () => {
  const many = Array.from({ length: 5_000 }, (_, i) => pair(i));
  const of = (stateOf: (index: number) => Partial<ValueStatus>): CnfConfigurationStatus =>
    computeStatus({
      ...{ generation: 1, itemCount: many.length, pairs: many, progress: stored, before: undefined, now: "" },
      reported: {
        stateOf: ({ index }) => ({ key: "", state: "CONFIGURED", ...stateOf(index) }) as ValueStatus,
        agentOf: () => "reporting",
      },
    });
  const few = of((index) => (index === 4_711 ? { state: "FAILED", error: "no" } : {}));
  assert.deepEqual([few.items?.map(({ index }) => index), few.configured], [[4_711], "4999/5000"]);
  const all = of(() => ({ state: "FAILED", error: "x".repeat(2_000) }));
  assert.ok(JSON.stringify(all).length < 1_000_000);
});
