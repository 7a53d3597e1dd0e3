import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalAddress, covers, parseCidr, parseCidrOrAddress } from "./network.ts";

test("an address with length is read into canonical text and its network", () => {
  assert.deepEqual(parseCidr("10.1.2.3/16"), {
    version: 4,
    address: "10.1.2.3",
    length: 16,
    network: "10.1.0.0/16",
    text: "10.1.2.3/16",
  });
  assert.equal(parseCidr("FD00:0:0::01/64")?.text, "fd00::1/64");
  assert.equal(parseCidr("fd00::1/61")?.network, "fd00::/61");
  assert.equal(parseCidr("10.0.0.1/0")?.network, "0.0.0.0/0");
});

test("what is no address with length is not read", () => {
  for (const text of [
    "",
    "/",
    "10.0.0.1",
    "10.0.0.1/",
    "10.0.0.1/33",
    "10.0.0.300/24",
    "fd00::1/129",
    "10.0.0.1/24/1",
    "10.0.0.1/024",
    "10.0.0.1/-1",
  ])
    assert.equal(parseCidr(text), undefined, text);
});

test("an address without length stands for itself", () => {
  assert.equal(parseCidrOrAddress("10.0.0.1")?.text, "10.0.0.1/32");
  assert.equal(parseCidrOrAddress("fd00::1")?.text, "fd00::1/128");
});

test("a network covers the addresses in it and no others, each family for itself", () => {
  const lan = parseCidr("10.0.0.9/30");
  assert.ok(lan);
  assert.deepEqual(
    ["10.0.0.8", "10.0.0.11", "10.0.0.12", "10.0.0.7", "fd00::1", "x"].map((address) => covers(lan, address)),
    [true, true, false, false, false, false],
  );
});

test("addresses are compared by their canonical text", () => {
  assert.equal(canonicalAddress("FD00::0:1"), "fd00::1");
  assert.equal(canonicalAddress("10.0.0.1/24"), undefined);
});
