import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { appendMetadata, formatTimeout, metadataOf, parseTimeout } from "./metadata.ts";

test("metadata is what is left without the fields of HTTP/2 and gRPC, values in their order", () => {
  const headers = [":path", "/a", "te", "trailers", "x-a", "1", "grpc-timeout", "1S", "x-b", "2", "x-a", "3"];
  assert.deepEqual(
    [...metadataOf(headers)],
    [
      ["x-a", ["1", "3"]],
      ["x-b", ["2"]],
    ],
  );
});

for (const [key, value] of [
  ["X-Upper", "a"],
  ["grpc-mine", "a"],
  ["te", "a"],
  [":path", "a"],
  ["with space", "a"],
  ["", "a"],
  ["x", "ä"],
  ["x", "a\r\nx-injected: b"],
] as const) {
  test(`${JSON.stringify(key)}: ${JSON.stringify(value)} cannot be sent`, () => {
    assert.throws(() => appendMetadata([], new Map([[key, [value]]])), { code: "INVALID_ARGUMENT" });
  });
}

test("a timeout is never shortened on its way", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (timeoutMs) => {
      const parsed = parseTimeout(formatTimeout(timeoutMs));
      assert.ok(parsed !== undefined && parsed >= Math.min(timeoutMs, 99_999_999 * 3_600_000));
    }),
  );
});

test("all units of grpc-timeout are read, and nothing else", () => {
  const expected = { "1H": 3_600_000, "2M": 120_000, "3S": 3000, "4m": 4, "5000u": 5, "6000000n": 6 };
  for (const [text, ms] of Object.entries(expected))
    assert.equal(Math.round((parseTimeout(text) ?? 0) * 1000) / 1000, ms);
  for (const text of ["", "1", "S", "123456789S", "-1S", "1s", "1.5S"])
    assert.equal(parseTimeout(text), undefined, text);
});
