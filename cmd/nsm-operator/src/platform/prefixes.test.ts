import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { covering, formatPrefix, holds, type Prefix, parsePrefix } from "./prefixes.ts";

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
};
const covered = (...texts: string[]): string[] => covering(texts.map(prefix)).map(formatPrefix);

test("a prefix is written as networks are: without bits of hosts, in the shortest form", () => {
  for (const [given, written] of [
    ["10.244.7.9/16", "10.244.0.0/16"],
    ["fd00:0:0:1::5/64", "fd00:0:0:1::/64"],
    ["::ffff:10.0.0.0/104", "::ffff:a00:0/104"],
    ["::/0", "::/0"],
    ["255.255.255.255/32", "255.255.255.255/32"],
  ] as const) {
    assert.equal(formatPrefix(prefix(given)), written);
  }
});

test("what is no prefix is told apart", () => {
  for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "x/8", "", "::/", "1.2.3.4/-1"]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
});

test("nodes of one network are covered by one prefix, which is that of more nodes too", () => {
  assert.deepEqual(covered("10.244.0.0/24", "10.244.1.0/24"), ["10.244.0.0/23"]);
  assert.deepEqual(covered("10.244.0.0/24", "10.244.200.0/24", "10.244.3.0/24"), ["10.244.0.0/16"]);
});

test("networks far from each other are not taken for one, which would exclude what lies between", () => {
  assert.deepEqual(covered("10.4.0.0/24", "10.200.0.0/24", "192.168.1.0/24"), [
    "10.4.0.0/24",
    "10.200.0.0/24",
    "192.168.1.0/24",
  ]);
});

test("families are covered each for itself", () => {
  assert.deepEqual(covered("10.244.0.0/24", "fd00:10:244::/64", "fd00:10:244:1::/64"), [
    "10.244.0.0/24",
    "fd00:10:244::/63",
  ]);
});

const v4 = fc
  .tuple(fc.nat({ max: 0xffffffff }), fc.integer({ min: 8, max: 32 }))
  .map(([address, length]) => prefix(formatPrefix({ family: "IPv4", address: BigInt(address), length })));
const v6 = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.integer({ min: 16, max: 128 }))
  .map(([address, length]) => prefix(formatPrefix({ family: "IPv6", address, length })));
const some = fc.array(fc.oneof(v4, v6), { maxLength: 12 });

test("any prefix is the same after it is written and read", () => {
  fc.assert(fc.property(fc.oneof(v4, v6), (one) => assert.deepEqual(prefix(formatPrefix(one)), one)));
});

test("whatever is covered is held by what covers it, in any order and in any portions", () => {
  fc.assert(
    fc.property(some, some, (a, b) => {
      const whole = covering([...a, ...b]);
      for (const one of [...a, ...b]) assert.ok(whole.some((outer) => holds(outer, one)));
      const names = (list: readonly Prefix[]): string[] => list.map(formatPrefix).sort();
      assert.deepEqual(names(covering([...b.toReversed(), ...a])), names(whole));
      assert.deepEqual(names(covering([...covering(a), ...b])), names(whole));
    }),
  );
});
