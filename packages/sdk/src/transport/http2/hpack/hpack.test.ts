import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { HpackDecoder, maxHeaderListSize } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";
import { HpackError } from "./error.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
const request = (...more: string[]): string[] => [
  ":method",
  "GET",
  ":scheme",
  more[0] ?? "http",
  ":path",
  more[1] ?? "/",
  ":authority",
  "www.example.com",
];

describe("the examples of RFC 7541", () => {
  const blocks = {
    "appendix C.3, plain strings": [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    "appendix C.4, Huffman codes": [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
  };
  for (const [name, [first, second, third]] of Object.entries(blocks)) {
    test(`${name}, decode to their lists`, () => {
      const decoder = new HpackDecoder();
      assert.deepEqual(decoder.decode(bytes(first ?? "")).list, request());
      assert.deepEqual(decoder.decode(bytes(second ?? "")).list, [...request(), "cache-control", "no-cache"]);
      assert.deepEqual(decoder.decode(bytes(third ?? "")).list, [
        ...request("https", "/index.html"),
        "custom-key",
        "custom-value",
      ]);
    });
  }
});

const name = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,20}$/);
const value = fc.oneof(
  fc.stringMatching(/^[\x20-\x7e]{0,60}$/),
  fc.integer({ min: 0, max: 5000 }).map((length) => "v".repeat(length)),
  fc.constantFrom("200", "POST", "application/grpc", "trailers"),
);
const header = fc.oneof(
  fc.tuple(name, value),
  fc.constantFrom<[string, string]>(["te", "trailers"], ["content-type", "application/grpc"], ["grpc-status", "0"]),
);
const headers = fc.array(header, { maxLength: 30 }).map((pairs) => pairs.flat());

test("whatever sequence of lists is encoded, the decoder sees the same", () => {
  fc.assert(
    fc.property(fc.array(headers, { maxLength: 20 }), (lists) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      for (const list of lists) {
        const decoded = decoder.decode(Buffer.from(encoder.encode(list)));
        if (decoded.tooLarge) continue;
        assert.deepEqual(decoded.list, list);
        assert.equal(decoded.malformed, false);
      }
    }),
    { numRuns: 300 },
  );
});

test("the table follows the peer's size, also when it changes several times between two lists", () => {
  const step = fc.oneof(fc.record({ size: fc.integer({ min: 0, max: 8192 }) }), fc.record({ list: headers }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      for (const one of steps) {
        if ("size" in one) encoder.resize(one.size);
        else {
          const decoded = decoder.decode(Buffer.from(encoder.encode(one.list)));
          if (!decoded.tooLarge) assert.deepEqual(decoded.list, one.list);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("a list that comes again takes a byte a field", () => {
  const encoder = new HpackEncoder();
  const list = ["te", "trailers", "x-token", "t".repeat(500), "content-type", "application/grpc"];
  assert.ok(encoder.encode(list).length > 500);
  assert.equal(encoder.encode(list).length, 3);
});

test("hostile blocks throw HpackError or decode, and nothing else happens", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder();
      for (const block of blocks) {
        try {
          decoder.decode(Buffer.from(block));
        } catch (error) {
          assert.ok(error instanceof HpackError, String(error));
          return;
        }
      }
    }),
    { numRuns: 5000 },
  );
});

for (const [what, hex] of [
  ["an index that is not in the table", "be"],
  ["index 0", "80"],
  ["an integer without end", "ff ff ff ff ff ff ff ff"],
  ["a string longer than the block", "00 05 61"],
  ["a missing string", "00"],
  ["a table larger than we allow", "3f e1 5f"],
  ["a table size after a field", "82 20"],
  ["Huffman padding of zeros", "00 81 00 00"],
  ["Huffman padding of eight bits", "00 82 1f ff 00"],
  ["the end-of-string code", "00 84 ff ff ff ff 00"],
] as const) {
  test(`${what} loses the connection`, () => {
    assert.throws(() => new HpackDecoder().decode(bytes(hex)), HpackError);
  });
}

for (const [what, hex] of [
  ["an upper-case name", "00 01 41 01 61"],
  ["an empty name", "00 00 01 61"],
  ["a line break in a value", "00 01 61 01 0a"],
  ["a pseudo field after an ordinary one", "00 01 61 01 61 82"],
] as const) {
  test(`${what} is malformed, and the connection goes on`, () => {
    assert.equal(new HpackDecoder().decode(bytes(hex)).malformed, true);
  });
}

test("a list that grows beyond the limit out of few bytes is cut, not kept", () => {
  const decoder = new HpackDecoder();
  const one = Buffer.concat([bytes("40 01 61 7f a1 1e"), Buffer.alloc(4000, "v")]);
  const { list, tooLarge } = decoder.decode(Buffer.concat([one, Buffer.alloc(10_000, 0xbe)]));
  assert.equal(tooLarge, true);
  assert.ok(list.join("").length <= maxHeaderListSize);
});
