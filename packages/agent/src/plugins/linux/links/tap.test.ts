import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf, linuxInterfaceModel, parseValue } from "@nsmkit/api/model";
import { FakeNetlink } from "@nsmkit/netlink/testing";
import { createScheduler, keyPrefix } from "@nsmkit/scheduler";
import { FakeIptables } from "../../../testing/iptables.ts";
import { createLinuxPlugin } from "../index.ts";

test("a TAP of VPP is moved, renamed, marked and addressed, and given back under its name", async () => {
  const netlink = new FakeNetlink();
  const scheduler = createScheduler();
  const linux = createLinuxPlugin({
    netlink,
    scheduler,
    label: "vpp1",
    desired: () => undefined,
    iptables: new FakeIptables(),
    vppTaps: { hostNameOf: (name) => `tap-${name}` },
  });
  scheduler.register(...linux.descriptors, { name: "vpp", keySelector: keyPrefix("config/vpp/v2/interfaces/") });
  await linux.start();
  const value = parseValue(linuxInterfaceModel, {
    name: "host-side",
    type: "TAP_TO_VPP",
    host_if_name: "eth0",
    enabled: true,
    namespace: { type: "NSID", reference: "pod" },
    ip_addresses: ["10.0.0.1/24"],
    tap: { vpp_tap_if_name: "vpp-side" },
  });
  const key = keyOf(linuxInterfaceModel, value);
  await scheduler.transaction().set(key, value).commit();
  assert.deepEqual(scheduler.status(key).value.details, ["VPP TAP vpp-side"]);

  const own = netlink.handle();
  await own.linkAdd({ kind: "tap", name: "tap-vpp-side" });
  const vpp = "config/vpp/v2/interfaces/vpp-side";
  await scheduler.transaction().set(vpp, {}).commit();
  assert.equal(scheduler.status(key).value.state, "CONFIGURED");
  const pod = netlink.handle(await netlink.namespaces.open({ name: "pod" }));
  const link = await pod.linkGet("eth0");
  assert.deepEqual([link.up, link.alias], [true, "/vnf-agent/vpp1/host-side/vpp-side/tap-vpp-side"]);
  assert.deepEqual(
    (await pod.addrList({ link: "eth0", family: 4 })).map(({ address }) => address),
    ["10.0.0.1/24"],
  );

  await scheduler.transaction().delete(key).commit();
  const back = await own.linkGet("tap-vpp-side");
  assert.deepEqual([back.up, back.alias ?? ""], [false, ""]);
  await scheduler.close();
  await linux.close();
  await netlink.close();
});
