import assert from "node:assert/strict";
import { test } from "node:test";
import { expand } from "./environment.ts";
import { labOf } from "./testing.ts";

const pod = (env: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {COLOUR: red, SIZE: xl}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: apps, labels: {tier: "1"}}
spec:
  containers:
    - name: a
      command: [run, "$(COLOUR)", "$(NONE)", "$$(COLOUR)"]
      envFrom: [{prefix: CM_, configMapRef: {name: settings}}]
      env:
${env}`;
const envOf = (env: string): Record<string, string> =>
  Object.fromEntries(labOf(pod(env)).spec.pods[0]?.containers[0]?.env ?? []);

test("variables can refer to those before them, to ConfigMaps and to the Pod", () => {
  const env = envOf(`
        - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: COLOUR}}}
        - {name: BOTH, value: "$(COLOUR)-$(CM_SIZE)-$(LATER)"}
        - {name: LATER, value: x}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: SPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
`);
  assert.equal(env.BOTH, "red-xl-$(LATER)");
  assert.deepEqual([env.NAME, env.SPACE, env.TIER, env.NODE, env.HOST], ["web", "apps", "1", "node-1", "198.18.0.2"]);
});

test("commands are expanded by the container's variables", () => {
  const [container] = labOf(pod("        - {name: COLOUR, value: blue}")).spec.pods[0]?.containers ?? [];
  assert.deepEqual(container?.command, ["run", "blue", "$(NONE)", "$(COLOUR)"]);
});

test("an escaped reference stays as text", () =>
  assert.equal(expand("$$(A) $(A) $A", new Map([["A", "1"]])), "$(A) 1 $A"));

test("a Pod has the same uid in every run", () => {
  const uid = "        - {name: UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}";
  assert.equal(envOf(uid).UID, envOf(uid).UID);
  assert.match(envOf(uid).UID ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});
