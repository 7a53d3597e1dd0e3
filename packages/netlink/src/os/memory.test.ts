import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeControl, encodeControl } from "./message-header.ts";
import { abstractAddress, inetAddress, inetText, netlinkAddress } from "./sockaddr.ts";

test("control messages survive encoding and decoding", () => {
  const message = fc.record({
    level: fc.integer(),
    type: fc.integer(),
    data: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
      const decoded = decodeControl(encodeControl(messages));
      assert.deepEqual(
        decoded.map(({ level, type, data }) => ({ level, type, data: [...data] })),
        messages.map(({ level, type, data }) => ({ level, type, data: [...data] })),
      );
    }),
  );
});

test("control bytes of any kind are never read beyond their end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      for (const { data } of decodeControl(bytes)) assert.ok(data.length <= bytes.length);
    }),
  );
});

test("addresses are laid out as the C library's structures", () => {
  assert.deepEqual([...inetAddress("10.0.0.1", 0x1234).bytes], [2, 0, 0x12, 0x34, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const six = inetAddress("fe80::1", 80, 7).bytes;
  assert.deepEqual([six.length, six[0], six[3], six[24]], [28, 10, 80, 7]);
  assert.equal(inetText(six), "fe80::1");
  assert.equal(inetText(inetAddress("192.0.2.1", 1).bytes), "192.0.2.1");
  assert.equal(inetText(new Uint8Array(3)), undefined);
  assert.deepEqual([...abstractAddress("ab")], [1, 0, 0, 97, 98]);
  assert.deepEqual([...netlinkAddress([1, 5])], [16, 0, 0, 0, 0, 0, 0, 0, 0b10001, 0, 0, 0]);
});

test("an abstract name has 1 to 107 bytes", () => {
  for (const name of ["", "x".repeat(108)]) assert.throws(() => abstractAddress(name), { code: "INVALID_ARGUMENT" });
});
