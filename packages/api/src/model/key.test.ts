import assert from "node:assert/strict";
import { test } from "node:test";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { keyOf, keyOfName } from "./key.ts";
import { knownModels, linuxInterfaceModel } from "./known.ts";
import { defineModel } from "./model.ts";
import { parseValue } from "./value.ts";

// Module, type, value, key: facts of PANTHEONtech/cnf-nsm and ligato/vpp-agent.
const keys: [string, string, Record<string, unknown>, string][] = [
  ["cnf.nsm", "client", { name: "c1", network_service: "nat" }, "config/cnf/nsm/v1/client/c1"],
  ["cnf.nsm", "client", { name: "pod/c1" }, "config/cnf/nsm/v1/client/pod/c1"],
  ["cnf.nsm", "endpoint", { network_service: "nat" }, "config/cnf/nsm/v1/endpoint/nat"],
  ["linux.interfaces", "interface", { name: "tap0" }, "config/linux/interfaces/v2/interface/tap0"],
  ["linux.interfaces", "interface", { name: "my tap" }, "config/linux/interfaces/v2/interface/my tap"],
  ["linux.interfaces", "interface", { name: "a//b/" }, "config/linux/interfaces/v2/interface/a/b"],
  ["linux.interfaces", "interface", { name: "/a" }, "config/linux/interfaces/v2/interface/a"],
  ["linux.interfaces", "interface", { name: "a/../b" }, "config/linux/interfaces/v2/interface/b"],
  ["linux.l3", "arp", { interface: "veth1", ip_address: "10.0.0.1" }, "config/linux/l3/v2/arp/veth1/10.0.0.1"],
  ["linux.l3", "arp", { interface: "veth1", ip_address: "2001:DB8::1" }, "config/linux/l3/v2/arp/veth1/2001:DB8::1"],
  ["linux.l3", "arp", { ip_address: "10.0.0.1" }, "config/linux/l3/v2/arp/10.0.0.1"],
  [
    "linux.l3",
    "route",
    { dst_network: "80.80.80.0/24", outgoing_interface: "tap0" },
    "config/linux/l3/v2/route/80.80.80.0/24/tap0",
  ],
  [
    "linux.l3",
    "route",
    { dst_network: "80.80.80.80/24", outgoing_interface: "tap0" },
    "config/linux/l3/v2/route/80.80.80.0/24/tap0",
  ],
  ["linux.l3", "route", { dst_network: "0.0.0.0/0", outgoing_interface: "t" }, "config/linux/l3/v2/route/0.0.0.0/0/t"],
  [
    "linux.l3",
    "route",
    { dst_network: "2001:DB8::1/32", outgoing_interface: "t" },
    "config/linux/l3/v2/route/2001:db8::/32/t",
  ],
  [
    "linux.l3",
    "route",
    { dst_network: "alloc:net1/if1", outgoing_interface: "t" },
    "config/linux/l3/v2/route/alloc:net1/if1/t",
  ],
  ["linux.l3", "route", { dst_network: "10.0.0.1", outgoing_interface: "t" }, "config/linux/l3/v2/route/<invalid>/0/t"],
  ["linux.l3", "route", { outgoing_interface: "t" }, "config/linux/l3/v2/route/<invalid>/0/t"],
  ["linux.l3", "route", { dst_network: "10.0.0.0/8" }, "config/linux/l3/v2/route/10.0.0.0/8"],
  ["linux.iptables", "rulechain", { name: "nat" }, "config/linux/iptables/v2/rulechain/nat"],
  ["netalloc", "ip", { network_name: "n", interface_name: "i" }, "config/netalloc/v1/ip/network/n/interface/i"],
];

for (const [module, type, value, key] of keys) {
  test(`${module} ${type} ${JSON.stringify(value)} lies under ${key}`, () => {
    const model = knownModels.modelOf(module, type);
    assert.ok(model);
    assert.equal(keyOf(model, parseValue(model, value)), key);
    assert.equal(knownModels.modelOfKey(key)?.model, model);
  });
}

// Printed by Go 1.26: path.Join("config/linux/interfaces/v2/interface/", name).
const joined: [string, string][] = [
  ["a", "config/linux/interfaces/v2/interface/a"],
  ["a/b", "config/linux/interfaces/v2/interface/a/b"],
  ["a//b", "config/linux/interfaces/v2/interface/a/b"],
  ["a/", "config/linux/interfaces/v2/interface/a"],
  ["./a", "config/linux/interfaces/v2/interface/a"],
  ["a/../b", "config/linux/interfaces/v2/interface/b"],
  ["../interface/x", "config/linux/interfaces/v2/interface/x"],
];
for (const [name, key] of joined) {
  test(`the name ${JSON.stringify(name)} is joined as Go joins paths`, () => {
    assert.equal(keyOfName(linuxInterfaceModel, name), key);
  });
}

for (const name of ["", "/", ".", "..", "a/..", "../x", "../../x"]) {
  test(`the name ${JSON.stringify(name)} makes no key, and the error names the field`, () => {
    assert.equal(keyOfName(linuxInterfaceModel, name), undefined);
    assert.throws(
      () => keyOf(linuxInterfaceModel, parseValue(linuxInterfaceModel, { name })),
      (error) => isCodedError(error, "INVALID_CONFIG") && error.message.includes('"name"'),
    );
  });
}

test("a singleton's key is its prefix without a slash", () => {
  const model = defineModel({ module: "vpp", version: "v2", type: "proxyarp-global" }, EmptySchema);
  assert.equal(keyOfName(model, ""), "config/vpp/v2/proxyarp-global");
  assert.equal(keyOfName(model, "x"), undefined);
  assert.equal(keyOf(model, parseValue(model, {})), "config/vpp/v2/proxyarp-global");
});

test("no name leads out of its model's part of the key space", () => {
  const part = fc.constantFrom("..", ".", "", "a", "v2", "interface", "\0");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join("/")),
      ),
      (name) => {
        const key = keyOfName(linuxInterfaceModel, name);
        if (key === undefined) return;
        assert.ok(key.startsWith("config/linux/interfaces/v2/interface/"));
        assert.equal(knownModels.modelOfKey(key)?.model, linuxInterfaceModel);
        assert.equal(keyOfName(linuxInterfaceModel, knownModels.modelOfKey(key)?.name ?? ""), key);
      },
    ),
  );
});
