import assert from "node:assert/strict";
import { test } from "node:test";
import { planLab } from "./plan.ts";
import type { LabSpec } from "./spec.ts";
import { agentPod, configuration, labOf } from "./testing.ts";

const nodes = (list: string): string =>
  `apiVersion: nsmkit.dev/v1alpha1\nkind: Lab\nmetadata: {name: x}\nspec: {nodes: [${list}], placement: {b: n2}, links: [{endpoints: [{pod: a, interface: e0}, {pod: b, interface: e0}]}]}`;
const client = configuration(
  "a",
  { module: "cnf.nsm", type: "client" },
  "name: c\nnetwork_service: s\ninterface_name: tap0",
);
const base = (): LabSpec => labOf(nodes("{name: n1}, {name: n2}") + agentPod("a") + agentPod("b") + client).spec;
const text = (from: LabSpec | undefined, to: LabSpec): string[] =>
  planLab(from, to).map((step) => `${step.action} ${step.kind} ${step.name}`);

test("the same documents again are nothing to do", () => assert.deepEqual(planLab(base(), base()), []));

test("nothing to start from means everything is created, what others need first", () =>
  assert.deepEqual(text(undefined, base()), [
    "create node n1",
    "create node n2",
    "create pod a",
    "create pod b",
    "create link a:e0--b:e0",
    "create configuration a",
  ]));

test("a changed configuration touches no Pod", () => {
  const to = labOf(
    nodes("{name: n1}, {name: n2}") + agentPod("a") + agentPod("b") + client.replace("tap0", "tap1"),
  ).spec;
  assert.deepEqual(text(base(), to), ["update configuration a"]);
});

test("a changed Pod is replaced, and its links with it", () => {
  const to = labOf(
    nodes("{name: n1}, {name: n2}") + agentPod("a", "  terminationGracePeriodSeconds: 1") + agentPod("b") + client,
  ).spec;
  assert.deepEqual(text(base(), to), ["replace pod a", "replace link a:e0--b:e0"]);
});

test("a replaced node takes its Pods along", () => {
  const to = labOf(nodes("{name: n1}, {name: n2, labels: {x: y}}") + agentPod("a") + agentPod("b") + client).spec;
  assert.deepEqual(text(base(), to), ["replace node n2", "replace pod b", "replace link a:e0--b:e0"]);
});

test("what is no longer declared is deleted, first what depends on others", () => {
  const to: LabSpec = {
    ...base(),
    nodes: base().nodes.slice(0, 1),
    pods: base().pods.slice(0, 1),
    links: [],
    configurations: [],
  };
  assert.deepEqual(text(base(), to), [
    "delete configuration a",
    "delete link a:e0--b:e0",
    "delete pod b",
    "delete node n2",
  ]);
});
