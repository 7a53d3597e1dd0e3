import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNsm } from "../crd/parse.ts";
import { legacy, meshOf, nsmOf, readYaml, upstream } from "../testing/documents.ts";
import { convertNsm } from "./convert.ts";

const convert = (
  more: object,
): { readonly spec: Readonly<Record<string, unknown>>; readonly notes: readonly string[] } => {
  const { document, notes } = convertNsm(parseNsm(legacy(more)));
  return { spec: document.spec as Record<string, unknown>, notes: notes.map(({ field }) => field) };
};

test("a converted document is a mesh, under the same name and in the same namespace", () => {
  const { document } = convertNsm(parseNsm(readYaml("nsm-2020.yaml")));
  assert.deepEqual(document.metadata, { name: "nsm", namespace: "default" });
  assert.ok(meshOf(document).phases.length > 0);
});

test("a mirror of images stays one, and the user is told to fill it", () => {
  const { spec, notes } = convert({ registry: "registry.example.org:5000", org: "mirror" });
  assert.equal(spec.imageRepository, "registry.example.org:5000/mirror");
  assert.ok(notes.includes("spec.registry"));
  assert.equal(convert({}).spec.imageRepository, undefined);
});

test("what both forms have is kept", () => {
  const platform = { kind: "k3s" };
  const { spec } = convert({
    replicas: 3,
    pullPolicy: "Always",
    jaegerTracing: "true",
    namespace: "nsm-system",
    platform,
  });
  assert.deepEqual(spec.webhook, { replicas: 3 });
  assert.deepEqual(
    [spec.nsmPullPolicy, spec.jaegerTracing, spec.namespace, spec.platform],
    ["Always", true, "nsm-system", platform],
  );
});

test("what the new form has no field for is told", () => {
  const { notes } = convert({ forwardingPlaneName: "kernel", webhookName: "other" });
  for (const field of ["spec.forwardingPlaneName", "spec.webhookName", "spec.insecure"]) {
    assert.ok(notes.includes(field), field);
  }
  assert.ok(!convert({ spire: "true" }).notes.includes("spec.insecure"));
});

test("a document of the current form is refused", () => {
  assert.throws(() => convertNsm(parseNsm(upstream())), { code: "INVALID_ARGUMENT" });
  assert.throws(() => parseNsm(nsmOf({})), { code: "INVALID_CONFIG" });
});
