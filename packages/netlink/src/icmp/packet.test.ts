import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checksum, decodeEchoReply, decodeEchoRequest, encodeEcho, withoutIpv4Header } from "./packet.ts";

const echo = fc.record({
  identifier: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.integer({ min: 0, max: 0xffff }),
  payload: fc.uint8Array({ maxLength: 64 }),
});
const family = fc.constantFrom(4 as const, 6 as const);

test("a request survives the wire and its checksum is right", () => {
  fc.assert(
    fc.property(family, echo, (version, wanted) => {
      const bytes = encodeEcho(version, wanted);
      assert.deepEqual(decodeEchoRequest(version, bytes), { ...wanted });
      assert.equal(decodeEchoReply(version, bytes), undefined);
      // A correct packet, its own checksum included, sums up to zero.
      if (version === 4) assert.equal(checksum(bytes), 0);
    }),
  );
});

test("a reply is told from other messages", () => {
  const bytes = encodeEcho(4, { identifier: 7, sequence: 9, payload: Uint8Array.of(1, 2) });
  bytes[0] = 0;
  assert.deepEqual(decodeEchoReply(4, bytes), { identifier: 7, sequence: 9, payload: Uint8Array.of(1, 2) });
  bytes[0] = 3;
  assert.equal(decodeEchoReply(4, bytes), undefined);
});

test("the checksum of RFC 1071's example is its own", () => {
  assert.equal(checksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), 0x220d);
});

test("any bytes give an echo inside them or nothing", () => {
  fc.assert(
    fc.property(family, fc.uint8Array({ maxLength: 80 }), (version, bytes) => {
      const inner = withoutIpv4Header(bytes);
      assert.ok(inner === undefined || inner.length <= bytes.length);
      const reply = decodeEchoReply(version, bytes);
      assert.ok(reply === undefined || reply.payload.length === bytes.length - 8);
    }),
  );
});
