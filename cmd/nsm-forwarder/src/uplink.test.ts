import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeNetlink } from "@nsmkit/netlink/testing";
import { findUplink } from "./uplink.ts";

async function node(): Promise<FakeNetlink> {
  const netlink = new FakeNetlink();
  await using handle = netlink.handle();
  await handle.linkAdd({ kind: "veth", name: "eth0", mtu: 9000, up: true, peer: { name: "peer" } });
  await handle.addrAdd({ link: "eth0", address: "192.0.2.1/24" });
  await handle.addrAdd({ link: "eth0", address: "2001:db8::1/64" });
  return netlink;
}

test("the uplink is the link with the tunnel address, whatever way that is written", async () => {
  const netlink = await node();
  assert.deepEqual(await findUplink(netlink, "192.0.2.1"), { tunnelIp: "192.0.2.1", mtu: 9000 });
  assert.deepEqual(await findUplink(netlink, "2001:DB8:0::1"), { tunnelIp: "2001:db8::1", mtu: 9000 });
});

test("a tunnel address that the node has not is refused with those that it has", async () => {
  await assert.rejects(findUplink(await node(), "192.0.2.9"), {
    code: "INVALID_CONFIG",
    message: /NSM_TUNNEL_IP=192\.0\.2\.9: no link of this node has that address; it has 192\.0\.2\.1, 2001:db8::1/,
  });
});
