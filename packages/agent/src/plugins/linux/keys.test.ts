import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey, hostNameAddressKey, isVrfKey, parseAddressKey, stateKey, vrfKey } from "./keys.ts";

test("keys of addresses are told apart from all others below linux/interface", () => {
  assert.deepEqual(parseAddressKey(addressKey("tap0", "static", "10.0.0.1/24")), {
    name: "tap0",
    source: "static",
    address: "10.0.0.1/24",
  });
  assert.deepEqual(parseAddressKey(addressKey("a/b", "alloc_ref", "alloc:net/if")), {
    name: "a/b",
    source: "alloc_ref",
    address: "alloc:net/if",
  });
  for (const key of [
    hostNameAddressKey("eth0", "10.0.0.1/24"),
    stateKey("tap0", true),
    vrfKey("tap0", "red"),
    "linux/interface/x",
  ])
    assert.equal(parseAddressKey(key), undefined, key);
});

test("keys of VRF membership are told apart from all others below linux/interface", () => {
  assert.ok(isVrfKey(vrfKey("tap0", "red")));
  for (const key of [
    addressKey("tap0", "static", "10.0.0.1/24"),
    stateKey("vrf/x", true),
    "linux/interface/host-name/a/vrf/b",
  ])
    assert.equal(isVrfKey(key), false, key);
});
