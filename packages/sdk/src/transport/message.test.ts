import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { frameMessage, MessageReader } from "./message.ts";

test("messages come out as they went in, however the bytes are cut", () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map((message) => frameMessage(message)));
      const reader = new MessageReader();
      const got: Uint8Array[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = cuts[n % cuts.length] as number;
        reader.push(bytes.subarray(at, at + size), (message) => got.push(message));
        at += size;
      }
      assert.deepEqual(
        got.map((one) => Buffer.from(one)),
        sent.map((one) => Buffer.from(one)),
      );
      assert.equal(reader.atBoundary, true);
    }),
  );
});

test("a message above the limit is refused at its length, before its bytes are held", () => {
  const reader = new MessageReader(1000);
  assert.throws(() => reader.push(Buffer.from([0, 0, 0, 4, 0]), () => {}), { code: "RESOURCE_EXHAUSTED" });
});

test("a compressed message is refused", () => {
  assert.throws(() => new MessageReader().push(frameMessage(Buffer.from("x")).fill(1, 0, 1), () => {}), {
    code: "UNSUPPORTED",
  });
});

test("a stream that ends within a message is noticed", () => {
  const reader = new MessageReader();
  reader.push(frameMessage(Buffer.from("four")).subarray(0, 7), () => {});
  assert.equal(reader.atBoundary, false);
});
