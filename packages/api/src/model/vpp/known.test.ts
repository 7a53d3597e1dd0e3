import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import { keyOf } from "../key.ts";
import { knownModels } from "../known.ts";
import { formatValue, parseValue } from "../value.ts";
import { allModels, vppModels } from "./known.ts";

// Module, type, value, key: name templates of ligato/vpp-agent proto/ligato/vpp/**/models.go, joined as path.Join does.
const keys: [string, string, Record<string, unknown>, string][] = [
  ["vpp", "interfaces", { name: "memif0" }, "config/vpp/v2/interfaces/memif0"],
  ["vpp", "interfaces", { name: "GigabitEthernet0/8/0" }, "config/vpp/v2/interfaces/GigabitEthernet0/8/0"],
  ["vpp", "span", { interface_from: "a", interface_to: "b" }, "config/vpp/v2/span/a/to/b"],
  ["vpp", "arp", { interface: "tap0", ip_address: "10.0.0.1" }, "config/vpp/v2/arp/tap0/10.0.0.1"],
  ["vpp", "route", { dst_network: "10.1.2.3/8" }, "config/vpp/v2/route/vrf/0/dst/10.0.0.0/8"],
  [
    "vpp",
    "route",
    { vrf_id: 3, dst_network: "10.0.0.0/8", next_hop_addr: "1.1.1.1" },
    "config/vpp/v2/route/vrf/3/dst/10.0.0.0/8/gw/1.1.1.1",
  ],
  [
    "vpp",
    "route",
    { outgoing_interface: "memif0", dst_network: "2001:DB8::1/32", next_hop_addr: "FE80::1" },
    "config/vpp/v2/route/if/memif0/vrf/0/dst/2001:db8::/32/gw/FE80::1",
  ],
  [
    "vpp",
    "route",
    { dst_network: "alloc:net1/if1", next_hop_addr: "alloc:net1/GW" },
    "config/vpp/v2/route/vrf/0/dst/alloc:net1/if1/gw/alloc:net1/GW",
  ],
  ["vpp", "route", { dst_network: "10.0.0.1" }, "config/vpp/v2/route/vrf/0/dst/<invalid>/0"],
  ["vpp", "proxyarp-global", {}, "config/vpp/v2/proxyarp-global"],
  ["vpp", "ipscanneigh-global", { mode: "BOTH" }, "config/vpp/v2/ipscanneigh-global"],
  ["vpp", "vrf-table", { id: 1 }, "config/vpp/v2/vrf-table/id/1/protocol/IPV4"],
  ["vpp", "vrf-table", { id: 1, protocol: "IPV6" }, "config/vpp/v2/vrf-table/id/1/protocol/IPV6"],
  ["vpp", "dhcp-proxy", { source_ip_address: "10.0.0.1" }, "config/vpp/v2/dhcp-proxy/IPv4/rx-vrf/0"],
  ["vpp", "dhcp-proxy", { source_ip_address: "fe80::1", rx_vrf_id: 2 }, "config/vpp/v2/dhcp-proxy/IPv6/rx-vrf/2"],
  ["vpp", "dhcp-proxy", { source_ip_address: "here" }, "config/vpp/v2/dhcp-proxy/<invalid>/rx-vrf/0"],
  ["vpp", "l3xconnect", { interface: "tap0", protocol: 1 }, "config/vpp/v2/l3xconnect/tap0/protocol/IPV6"],
  ["vpp", "teib", { interface: "gre0", peer_addr: "10.0.0.2" }, "config/vpp/v2/teib/gre0/peer/10.0.0.2"],
  ["vpp", "vrrp", { interface: "tap0", vr_id: 4 }, "config/vpp/v2/vrrp/tap0/vrid/4"],
  ["vpp", "ipredirect", { l3_protocol: "IPV4", tx_interface: "tap0" }, "config/vpp/v2/ipredirect/l3/IPV4/tx/tap0"],
  ["vpp", "ipredirect", { tx_interface: "tap0" }, "config/vpp/v2/ipredirect/l3/UNDEFINED_L3/tx/tap0"],
  ["vpp", "tohost", { l3_protocol: 10, l4_protocol: "UDP", port: 53 }, "config/vpp/v2/tohost/l3/ALL/l4/UDP/port/53"],
  ["vpp", "exception", { reason: "ipsec4-spi-0" }, "config/vpp/v2/exception/reason/ipsec4-spi-0"],
  ["vpp.l2", "bridge-domain", { name: "bd1" }, "config/vpp/l2/v2/bridge-domain/bd1"],
  [
    "vpp.l2",
    "fib",
    { bridge_domain: "bd1", phys_address: "62:89:C6:A3:6D:5C" },
    "config/vpp/l2/v2/fib/bd1/mac/62:89:C6:A3:6D:5C",
  ],
  ["vpp.l2", "xconnect", { receive_interface: "a", transmit_interface: "b" }, "config/vpp/l2/v2/xconnect/a"],
  ["vpp.acls", "acl", { name: "web" }, "config/vpp/acls/v2/acl/web"],
  ["vpp.abfs", "abf", { index: 7 }, "config/vpp/abfs/v2/abf/7"],
  ["vpp.abfs", "abf", {}, "config/vpp/abfs/v2/abf/0"],
  ["vpp.nat", "nat44-global", { forwarding: true }, "config/vpp/nat/v2/nat44-global"],
  ["vpp.nat", "nat44-interface", { name: "memif1" }, "config/vpp/nat/v2/nat44-interface/memif1"],
  ["vpp.nat", "nat44-pool", { name: "out", first_ip: "10.0.0.1" }, "config/vpp/nat/v2/nat44-pool/out"],
  ["vpp.nat", "nat44-pool", { first_ip: "10.0.0.1" }, "config/vpp/nat/v2/nat44-pool/vrf/0/address/10.0.0.1"],
  [
    "vpp.nat",
    "nat44-pool",
    { first_ip: "10.0.0.1", last_ip: "10.0.0.1" },
    "config/vpp/nat/v2/nat44-pool/vrf/0/address/10.0.0.1",
  ],
  [
    "vpp.nat",
    "nat44-pool",
    { vrf_id: 4294967295, first_ip: "10.0.0.1", last_ip: "10.0.0.9" },
    "config/vpp/nat/v2/nat44-pool/vrf/4294967295/address/10.0.0.1-10.0.0.9",
  ],
  ["vpp.nat", "dnat44", { label: "web" }, "config/vpp/nat/v2/dnat44/web"],
  ["vpp.nat", "nat44-vrf", { src_vrf_id: 1, dest_vrf_ids: [2] }, "config/vpp/nat/v2/nat44-vrf/vrfid/1"],
  [
    "vpp.nat",
    "nat44-vrf-route",
    { src_vrf_id: 1, dest_vrf_id: 2 },
    "config/vpp/nat/v2/nat44-vrf-route/vrfid/1/destvrfid/2",
  ],
  ["vpp.ipsec", "spd", { index: 1 }, "config/vpp/ipsec/v2/spd/1"],
  ["vpp.ipsec", "sa", { index: 10 }, "config/vpp/ipsec/v2/sa/10"],
  [
    "vpp.ipsec",
    "sp",
    {
      spd_index: 1,
      sa_index: 10,
      is_outbound: true,
      local_addr_start: "10.0.0.1",
      local_addr_stop: "10.0.0.9",
      remote_addr_start: "10.1.0.1",
      remote_addr_stop: "10.1.0.9",
    },
    "config/vpp/ipsec/v2/sp/spd/1/sa/10/outbound/local-addresses/10.0.0.1-10.0.0.9/remote-addresses/10.1.0.1-10.1.0.9",
  ],
  ["vpp.ipsec", "sp", {}, "config/vpp/ipsec/v2/sp/spd/0/sa/0/inbound/local-addresses/-/remote-addresses/-"],
  ["vpp.ipsec", "tun-protect", { interface: "ipip0" }, "config/vpp/ipsec/v2/tun-protect/ipip0"],
  [
    "vpp.ipsec",
    "tun-protect",
    { interface: "ipip0", next_hop_addr: "10.0.0.2" },
    "config/vpp/ipsec/v2/tun-protect/ipip0/nh/10.0.0.2",
  ],
  [
    "vpp.wg",
    "peer",
    { wg_if_name: "wg0", endpoint: "10.0.0.2", port: 51820 },
    "config/vpp/wg/v1/peer/wg0/endpoint/10.0.0.2/51820",
  ],
  ["vpp.srv6", "localsid", { sid: "A::1" }, "config/vpp/srv6/v2/localsid/A::1"],
  ["vpp.srv6", "policy", { bsid: "b::1" }, "config/vpp/srv6/v2/policy/b::1"],
  ["vpp.srv6", "steering", { name: "s1" }, "config/vpp/srv6/v2/steering/s1"],
  ["vpp.srv6", "srv6-global", {}, "config/vpp/srv6/v2/srv6-global"],
  ["vpp.stn", "rule", { interface: "eth0", ip_address: "10.0.0.1" }, "config/vpp/stn/v2/rule/eth0/ip/10.0.0.1"],
  ["vpp.ipfix", "ipfix", {}, "config/vpp/ipfix/v2/ipfix"],
  ["vpp.ipfix", "flowprobe-params", {}, "config/vpp/ipfix/v2/flowprobe-params"],
  ["vpp.ipfix", "flowprobe-feature", { interface: "tap0" }, "config/vpp/ipfix/v2/flowprobe-feature/tap0"],
  ["vpp.dns", "dnscache", {}, "config/vpp/dns/v1/dnscache"],
  ["govppmux", "stats", {}, "metrics/govppmux/v0/stats"],
];

for (const [module, type, value, key] of keys) {
  test(`${module} ${type} ${JSON.stringify(value)} lies under ${key}`, () => {
    const model = allModels.modelOf(module, type);
    assert.ok(model);
    assert.equal(keyOf(model, parseValue(model, value)), key);
    assert.equal(allModels.modelOfKey(key)?.model, model);
  });
}

test("the table of keys has every VPP model", () => {
  const tested = new Set(keys.map(([module, type]) => `${module}.${type}`));
  assert.deepEqual(
    vppModels.map(({ name }) => name).filter((name) => !tested.has(name)),
    [],
  );
});

test("all models are the Linux, mesh, address and VPP ones and the metrics", () => {
  assert.equal(allModels.models.length, knownModels.models.length + vppModels.length + 1);
});

test("names and fields of VPP models agree with the published templates", () => {
  for (const model of vppModels) {
    const used = [...(model.naming?.template ?? "").matchAll(/ \.([A-Z]\w*)|\{\.([A-Z]\w*)/g)].map(
      ([, a, b]) => a ?? b,
    );
    const fields = (model.naming?.fields ?? []).map((field) => {
      assert.ok(
        model.schema.fields.some(({ name }) => name === field),
        `${model.name} ${field}`,
      );
      return field.replaceAll(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
    });
    assert.deepEqual(new Set(used.filter((go) => go !== "IP" && go !== "MaskSize")), new Set(fields), model.name);
  }
});

for (const [module, type, value, field] of [
  ["vpp", "interfaces", { type: "MEMIFF" }, "type"],
  ["vpp", "interfaces", { memif: { socket: "x" } }, "memif.socket"],
  ["vpp", "interfaces", { memif: {}, tap: {} }, "memif"],
  ["vpp.acls", "acl", { rules: [{ ip_rule: { tcp: { tcp_flags_mask: -1 } } }] }, "rules[0].ip_rule.tcp.tcp_flags_mask"],
  ["vpp.nat", "nat44-pool", { first_ip: 1 }, "first_ip"],
] as const) {
  test(`${module} ${type} ${JSON.stringify(value)} is refused with ${field} in the message`, () => {
    const model = allModels.modelOf(module, type);
    assert.ok(model);
    assert.throws(
      () => parseValue(model, value),
      (error) => isCodedError(error, "INVALID_CONFIG") && error.message.includes(`"${field}"`),
    );
  });
}

// Printed by the original Go code: jsonpb with OrigName.
for (const [type, value, json] of [
  [
    "route",
    { dst_network: "10.0.0.0/8", type: "DROP", vrf_id: 1 },
    '{"type":"DROP","vrf_id":1,"dst_network":"10.0.0.0/8"}',
  ],
  [
    "interfaces",
    { mtu: 9000, gtpu: { encap_vrf_id: 4, remote_teid: 3 }, ip6_nd: { install_default_routes: true } },
    '{"ip6_nd":{"install_default_routes":true},"mtu":9000,"gtpu":{"remote_teid":3,"encap_vrf_id":4}}',
  ],
] as const) {
  test(`the JSON of a vpp ${type} has its fields in the order of the .proto file, not of their numbers`, () => {
    const model = allModels.modelOf("vpp", type);
    assert.ok(model);
    assert.equal(JSON.stringify(formatValue(model, parseValue(model, value))), json);
  });
}
