import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { addressText, ip, ipnet, parseAddress, protoip } from "./address.ts";

// Printed by Go 1.26: net.ParseIP(input).String().
const addresses: [string, string][] = [
  ["10.0.0.1", "10.0.0.1"],
  ["010.0.0.1", "<invalid>"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["256.0.0.1", "<invalid>"],
  ["1.2.3", "<invalid>"],
  ["1.2.3.4.5", "<invalid>"],
  ["", "<invalid>"],
  [" 10.0.0.1", "<invalid>"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::ffff:a00:1", "10.0.0.1"],
  ["::10.0.0.1", "::a00:1"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ["fe80::1%eth0", "<invalid>"],
  ["1:2:3:4:5:6:7:8:9", "<invalid>"],
  ["1:::2", "<invalid>"],
  ["12345::", "<invalid>"],
  ["::1.2.3", "<invalid>"],
  ["1:2:3:4:5:6:7:1.2.3.4", "<invalid>"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  [":1::", "<invalid>"],
  ["1:2:3:4:5:6:7:8::", "<invalid>"],
  ["0x1.2.3.4", "<invalid>"],
  ["1.2.3.04", "<invalid>"],
  ["1..2.3", "<invalid>"],
  ["::ffff:0:0", "0.0.0.0"],
  ["10.0.0.1/8", "<invalid>"],
  ["::01", "::1"],
  ["00001::", "<invalid>"],
  ["g::1", "<invalid>"],
  ["1:2", "<invalid>"],
  ["::1:", "<invalid>"],
];

for (const [input, expected] of addresses) {
  test(`ip of ${JSON.stringify(input)} is ${expected}`, () => assert.equal(ip(input), expected));
}

// Printed by Go 1.26: the network of net.ParseCIDR(input).
const networks: [string, string][] = [
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["10.1.2.3/0", "0.0.0.0/0"],
  ["10.1.2.3/32", "10.1.2.3/32"],
  ["10.1.2.3/33", "<invalid>/0"],
  ["10.1.2.3", "<invalid>/0"],
  ["10.1.2.3/", "<invalid>/0"],
  ["10.1.2.3/08", "10.0.0.0/8"],
  ["10.1.2.3/+8", "<invalid>/0"],
  ["10.1.2.3/-1", "<invalid>/0"],
  ["10.1.2.3/8/8", "<invalid>/0"],
  ["10.1.2.3/8 ", "<invalid>/0"],
  ["010.1.2.3/8", "<invalid>/0"],
  ["2001:db8::1/32", "2001:db8::/32"],
  ["2001:DB8:ffff::1/33", "2001:db8:8000::/33"],
  ["::1/0", "::/0"],
  ["::1/128", "::1/128"],
  ["::1/129", "<invalid>/0"],
  ["fe80::1%eth0/64", "<invalid>/0"],
  ["::ffff:10.1.2.3/104", "10.0.0.0/104"],
  ["::ffff:10.1.2.3/96", "0.0.0.0/96"],
  ["::ffff:10.1.2.3/88", "::ff00:0:0/88"],
  ["::ffff:10.1.2.3/128", "10.1.2.3/128"],
  ["192.168.100.130/25", "192.168.100.128/25"],
  ["80.80.80.0/24", "80.80.80.0/24"],
  ["", "<invalid>/0"],
  ["/24", "<invalid>/0"],
  ["10.1.2.3/99999999999", "<invalid>/0"],
  ["10.1.2.3/0x8", "<invalid>/0"],
];

for (const [input, expected] of networks) {
  test(`ipnet of ${JSON.stringify(input)} is ${expected}`, () => {
    const network = ipnet(input);
    assert.equal(`${network?.ip}/${network?.maskSize}`, expected);
  });
}

test("ipnet leaves a reference to an allocated address alone", () => {
  assert.equal(ipnet("alloc:net/if"), undefined);
  assert.equal(ipnet("alloc:10.0.0.0/8"), undefined);
});

test("protoip names the version, of a mapped address IPv4", () => {
  assert.deepEqual(["10.0.0.1", "::1", "::ffff:10.0.0.1", "x"].map(protoip), ["IPv4", "IPv6", "IPv4", "<invalid>"]);
});

test("an address is accepted exactly when Node accepts it, zones apart", () => {
  const nearly = fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(50), fc.nat(2), fc.stringMatching(/^[0-9a-f:.]{0,2}$/))
    .map(([text, at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));
  fc.assert(
    fc.property(fc.oneof(nearly, fc.stringMatching(/^[0-9a-f:.]{0,20}$/), fc.string()), (text) => {
      assert.equal(parseAddress(text)?.version ?? 0, text.includes("%") ? 0 : isIP(text));
    }),
    { numRuns: 2000 },
  );
});

test("IPv6 text agrees with the WHATWG URL parser", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(0xffff), (bytes, zeroed) => {
      const sparse = bytes.map((byte, i) => ((zeroed >> (i >> 1)) & 1 ? 0 : byte));
      const groups = Array.from({ length: 8 }, (_, i) =>
        ((sparse[2 * i] ?? 0) * 256 + (sparse[2 * i + 1] ?? 0)).toString(16),
      );
      assert.equal(`[${addressText(sparse)}]`, new URL(`http://[${groups.join(":")}]/`).hostname);
    }),
  );
});

test("canonical text reads back as the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, mapped) => {
      if (mapped) bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]);
      assert.deepEqual(parseAddress(addressText(bytes))?.bytes, bytes);
    }),
  );
});
