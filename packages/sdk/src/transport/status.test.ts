import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError, ErrorCode, isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { decodeMessage, encodeMessage, errorOfStatus, GrpcStatus, statusOf } from "./status.ts";

test("every code has a status, and every status but OK has a code of the table", () => {
  for (const code of Object.keys(ErrorCode) as ErrorCode[]) {
    const { status } = statusOf(new CodedError(code, "x"));
    assert.ok(status >= 1 && status <= 16, code);
  }
  for (let status = 1; status <= 16; status++) assert.ok(isCodedError(errorOfStatus(status, "x")));
});

test("a code that has a status of its own survives the way there and back", () => {
  const ambiguous = new Set(["INVALID_CONFIG", "DUMP_INTERRUPTED", "KERNEL", "PROTOCOL", "CLOSED"]);
  for (const code of Object.keys(ErrorCode) as ErrorCode[]) {
    if (ambiguous.has(code)) continue;
    const { status, message } = statusOf(new CodedError(code, "why"));
    const back = errorOfStatus(status, message);
    assert.deepEqual([back.code, back.message], [code, "why"]);
  }
});

test("only what may succeed later without a change is retryable", () => {
  const retryable = [GrpcStatus.DEADLINE_EXCEEDED, GrpcStatus.RESOURCE_EXHAUSTED, GrpcStatus.UNAVAILABLE] as number[];
  for (let status = 1; status <= 16; status++) {
    assert.equal(errorOfStatus(status, "x").retryable, retryable.includes(status), `status ${status}`);
  }
});

test("an error that is not ours goes out as UNKNOWN with its message, as a Go server's would", () => {
  assert.deepEqual(statusOf(new Error("broken")), { status: GrpcStatus.UNKNOWN, message: "broken" });
});

test("a status number that gRPC does not have is UNKNOWN", () => {
  assert.equal(errorOfStatus(99, "").code, "UNKNOWN");
});

test("any message survives percent-encoding, and the encoded form is printable ASCII", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (message) => {
      const encoded = encodeMessage(message);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeMessage(encoded), message.toWellFormed());
    }),
  );
});

test("a message that is not percent-encoded rightly is shown as it came", () => {
  assert.equal(decodeMessage("100% broken"), "100% broken");
});
