import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";
import { publicUrl } from "./public-url.ts";

const address = (value: string, family: "IPv4" | "IPv6", internal = false): NetworkInterfaceInfo =>
  ({ address: value, family, internal, netmask: "", mac: "", cidr: null, scopeid: 0 }) as NetworkInterfaceInfo;
const interfaces = {
  lo: [address("127.0.0.1", "IPv4", true)],
  eth0: [address("fd00::5", "IPv6"), address("10.0.0.5", "IPv4")],
};

for (const [urls, expected] of [
  [["unix:///nsm.sock", "tcp://10.0.0.1:5001", "tcp://10.0.0.2:5001"], "tcp://10.0.0.1:5001"],
  [["tcp://:5001"], "tcp://10.0.0.5:5001"],
  [["tcp://0.0.0.0:5001"], "tcp://10.0.0.5:5001"],
  [["tcp://[::]:5001"], "tcp://10.0.0.5:5001"],
  [["tcp://[fd00::1]:5001"], "tcp://[fd00::1]:5001"],
  [["unix:///nsm.sock"], "unix:///nsm.sock"],
] as const)
  test(`${urls.join(", ")} is reached as ${expected}`, () => assert.equal(publicUrl(urls, interfaces), expected));

test("a node without an address but loopback is reached there", () => {
  assert.equal(publicUrl(["tcp://:5001"], { lo: interfaces.lo }), "tcp://127.0.0.1:5001");
});
