import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import fc from "fast-check";
import { normalise } from "../spec/normalise.ts";
import { nsmOf, readText, readYaml } from "../testing/documents.ts";
import { fields2020, fields2023 } from "./fields.ts";
import type { Problem } from "./nsm.ts";
import { parseNsm } from "./parse.ts";

/** Both documents of the first operator's README, as they stand between the marks of its commands. */
const seeds = {
  "operator-2020.yaml": "7135b0d2067e6bdbc7ab7eca3733d838ff47bbfefea4577b727d3840e1242b76",
  "nsm-2020.yaml": "e15c94c440cbe09ad9558fa8c08ff7af36c70ed6f7f0505b7f6b35934d2771e1",
};
for (const [file, sha256] of Object.entries(seeds)) {
  test(`${file} of the first operator's README is kept byte for byte`, () => {
    assert.equal(createHash("sha256").update(readText(file)).digest("hex"), sha256);
  });
}

test("the first operator's Deployment is one document that asks for nothing but this program", () => {
  const { kind, spec } = readYaml("operator-2020.yaml") as {
    kind: string;
    spec: {
      template: { spec: { serviceAccountName: string; containers: { command: string[]; env: { name: string }[] }[] } };
    };
  };
  const { serviceAccountName, containers } = spec.template.spec;
  assert.deepEqual([kind, serviceAccountName, containers.length], ["Deployment", "nsm-operator", 1]);
  assert.deepEqual(containers[0]?.command, ["nsm-operator"]);
  assert.deepEqual(
    containers[0].env.map(({ name }) => name),
    ["WATCH_NAMESPACE", "POD_NAME", "OPERATOR_NAME"],
  );
});

test("the document of the first operator's README is read unchanged", () => {
  assert.deepEqual(parseNsm(readYaml("nsm-2020.yaml")), {
    form: "2020",
    metadata: { name: "nsm", namespace: "default" },
    spec: {
      registry: "docker.io",
      org: "networkservicemesh",
      tag: "master",
      pullPolicy: "IfNotPresent",
      webhookName: "nsm-admission-webhook",
      replicas: 1,
      insecure: true,
      forwardingPlaneName: "vpp",
      forwardingPlaneImage: "vppagent-forwarder",
      spire: false,
      jaegerTracing: false,
    },
  });
});

test("a document with every field of 2023 is read unchanged", () => {
  const document = readYaml("nsm-2023.yaml") as { spec: unknown };
  const nsm = parseNsm(document);
  assert.equal(nsm.form, "2023");
  assert.deepEqual(nsm.spec, document.spec);
});

test("shapes of spring 2020, with booleans and without an image tag, are of the form of 2020", () => {
  const nsm = parseNsm(nsmOf({ version: "v0.2.0", insecure: true, forwardingPlaneName: "kernel" }));
  assert.equal(nsm.form, "2020");
});

test("a stored object with a status and server fields is read", () => {
  const document = { ...(readYaml("nsm-2020.yaml") as object), status: { phase: "Running" } };
  assert.equal(parseNsm(document).form, "2020");
});

test("all problems of a document are reported at once, each with its field", () => {
  const document = nsmOf(
    { version: "v1.18.0", registry: { type: "x" }, forwarders: [{}], nope: 1 },
    { name: "Bad Name" },
  );
  assert.throws(
    () => parseNsm(document),
    (error) => {
      assert.ok(isCodedError(error, "INVALID_CONFIG"));
      const fields = (error.details.problems as readonly Problem[]).map(({ field }) => field);
      assert.deepEqual(fields, ["metadata.name", "spec.nope", "spec.registry.type", "spec.forwarders[0].type"]);
      return true;
    },
  );
});

describe("broken documents", () => {
  for (const document of [null, [], "nsm", 7, {}, { kind: "Pod" }, nsmOf(null), nsmOf([])]) {
    test(`${JSON.stringify(document)} is refused`, () => {
      assert.throws(() => parseNsm(document), { code: "INVALID_CONFIG" });
    });
  }
});

test("whatever is given, the answer is a mesh, problems, or a coded error, never a crash", () => {
  const name = fc.constantFrom(...Object.keys(fields2020), ...Object.keys(fields2023), "__proto__", "constructor");
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      { toString: false },
      "k8s",
      "v1.18.0",
      "managed",
      "true",
      { type: "k8s" },
      [{ type: "vpp" }],
      [],
    ),
  );
  const spec = fc.dictionary(name, value, { maxKeys: 8 });
  fc.assert(
    fc.property(fc.oneof(spec, fc.jsonValue()), (given) => {
      try {
        const normalised = normalise(parseNsm(nsmOf(given)));
        if (!normalised.ok) assert.ok(normalised.problems.every(({ message, field }) => message.startsWith(field)));
      } catch (error) {
        assert.ok(error instanceof CodedError && error.code === "INVALID_CONFIG", messageOf(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("a document that is read means the same when it is written and read again", () => {
  const document = readYaml("nsm-2023.yaml");
  const once = parseNsm(document);
  assert.deepEqual(parseNsm(JSON.parse(JSON.stringify(nsmOf(once.spec, once.metadata)))), once);
});
