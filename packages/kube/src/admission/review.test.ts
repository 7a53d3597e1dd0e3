import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { parseReview, reviewOf } from "./review.ts";

const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "b" } };
const ask = (request: object) => ({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });

test("a question is read with all that a webhook may want to know", () => {
  const request = parseReview(
    ask({
      ...{ uid: "7", operation: "UPDATE", kind: { group: "", version: "v1", kind: "Pod" }, namespace: "b", name: "a" },
      ...{ object: pod, oldObject: pod, dryRun: true, userInfo: { username: "eve" } },
    }),
  );
  assert.deepEqual(request, {
    ...{ uid: "7", operation: "UPDATE", kind: { group: "", version: "v1", kind: "Pod" }, namespace: "b", name: "a" },
    ...{ object: pod, oldObject: pod, dryRun: true, user: "eve" },
  });
});

test("a patch is answered as base64 of RFC 6902", () => {
  const patch = [{ op: "add", path: "/metadata/labels", value: { a: "b" } }] as const;
  const { response } = reviewOf({ uid: "7" }, { allowed: true, patch });
  assert.equal(response.patchType, "JSONPatch");
  assert.deepEqual(JSON.parse(Buffer.from(response.patch ?? "", "base64").toString()), patch);
});

test("an empty patch is no patch: the server would refuse it", () => {
  assert.deepEqual(reviewOf({ uid: "7" }, { allowed: true, patch: [] }).response, { uid: "7", allowed: true });
});

test("a refusal is 422 Invalid unless the webhook says otherwise", () => {
  const { response } = reviewOf({ uid: "7" }, { allowed: false, message: "no" });
  assert.deepEqual(response.status, { code: 422, reason: "Invalid", message: "no" });
  const other = reviewOf({ uid: "7" }, { allowed: false, message: "no", code: 403, reason: "Forbidden" });
  assert.deepEqual(other.response.status, { code: 403, reason: "Forbidden", message: "no" });
});

test("whatever comes is read or refused with a code", () => {
  const some = fc.jsonValue();
  const near = fc.record(
    { uid: some, operation: some, kind: some, object: some, oldObject: some, userInfo: some, dryRun: some },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        some,
        near.map(ask),
        near.map((one) => ask({ ...one, uid: "1" })),
      ),
      (body) => {
        try {
          assert.equal(typeof parseReview(body).uid, "string");
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_ARGUMENT"));
        }
      },
    ),
  );
});
