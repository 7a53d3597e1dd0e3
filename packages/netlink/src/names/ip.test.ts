import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { formatCidr, formatIp, maskCidr, parseCidr, parseIp, parseNetwork, tryParseIp } from "./ip.ts";

const refused = (run: () => unknown, pattern: RegExp): void => {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof Error && "code" in error);
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, pattern);
    return true;
  });
};

test("loose IPv4 forms are refused", () => {
  for (const text of [
    "127.1",
    "1.2.3",
    "010.0.0.1",
    "0x7f.0.0.1",
    "1.2.3.4.5",
    "256.0.0.1",
    "1.2.3.4 ",
    "",
    "1..2.3",
    "+1.2.3.4",
  ])
    assert.equal(tryParseIp(text), undefined, text);
});

test("malformed IPv6 is refused", () => {
  for (const text of [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::1%eth0",
    "1.2.3.4::",
    "::1.2.3",
    "1:2:3:4:5:6:7::8",
    "fe80::g",
  ])
    assert.equal(tryParseIp(text), undefined, text);
});

test("an address is accepted exactly when the C library's rules accept it", () => {
  const near = fc.stringMatching(/^[0-9a-fA-F:.]{0,20}$/);
  fc.assert(
    fc.property(fc.oneof(near, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const expected = isIPv4(text) ? 4 : isIPv6(text) && !text.includes("%") ? 6 : undefined;
      assert.equal(tryParseIp(text)?.family, expected, text);
    }),
    { numRuns: 2000 },
  );
});

test("formatting and parsing an address gives the same bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
  );
  fc.assert(fc.property(bytes, (value) => assert.deepEqual(parseIp(formatIp(value)).bytes, value)));
});

test("IPv6 text is canonical: lower case, longest zero run shortened, first of equals", () => {
  const canonical = (text: string): string => formatIp(parseIp(text).bytes);
  assert.equal(canonical("2001:DB8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
  assert.equal(canonical("0:0:0:0:0:0:0:0"), "::");
  assert.equal(canonical("::ffff:10.0.0.1"), "::ffff:10.0.0.1");
  assert.equal(canonical("1:0:2:0:3:0:4:0"), "1:0:2:0:3:0:4:0");
  assert.equal(canonical("fd00::"), "fd00::");
});

test("a prefix length beyond the family's, malformed or missing is refused with the remedy", () => {
  refused(
    () => parseCidr("10.0.0.1/33", "address"),
    /address: "10\.0\.0\.1\/33" has prefix length 33; IPv4 allows 0 to 32/,
  );
  refused(() => parseCidr("fd00::1/129"), /IPv6 allows 0 to 128/);
  refused(() => parseCidr("10.0.0.1/024"), /malformed/);
  refused(() => parseCidr("10.0.0.1/"), /malformed/);
  refused(() => parseCidr("10.0.0.1/-1"), /malformed/);
  refused(() => parseCidr("10.0.0.1"), /has no prefix length/);
  refused(() => parseCidr("1.2.3"), /not an address/);
  refused(() => parseCidr(17), /not an address/);
  refused(() => parseIp("10.0.0.1/24"), /leave out the prefix length/);
});

test("a network with host bits is refused and the network meant is named", () => {
  refused(() => parseNetwork("10.0.0.1/24", "destination"), /did you mean 10\.0\.0\.0\/24\?/);
  assert.equal(formatCidr(parseNetwork("10.0.0.0/24")), "10.0.0.0/24");
  assert.equal(formatCidr(maskCidr(parseCidr("fd00::ff:1/121"))), "fd00::ff:0/121");
  assert.equal(formatCidr(maskCidr(parseCidr("255.255.255.255/0"))), "0.0.0.0/0");
});
