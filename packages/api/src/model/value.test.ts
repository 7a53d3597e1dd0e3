import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { isCodedError } from "@nsmkit/core";
import { ConnectionInterfaceType } from "../cnf.ts";
import { InterfaceStateSchema } from "../linux.ts";
import { ConnectionSchema } from "../networkservice.ts";
import { linuxArpModel, linuxInterfaceModel, linuxRouteModel, linuxRuleChainModel, nsmClientModel } from "./known.ts";
import { defineModel, type Model } from "./model.ts";
import { formatValue, parseValue } from "./value.ts";

test("field names may be snake_case and camelCase in one value", () => {
  const client = parseValue(nsmClientModel, {
    name: "c",
    network_service: "nat",
    interfaceName: "tap0",
    ip_addresses: ["10.0.0.1/24"],
    outgoingLabels: [{ key: "app", value: "cnf" }],
  });
  assert.equal(client.networkService, "nat");
  assert.equal(client.interfaceName, "tap0");
  assert.deepEqual(client.ipAddresses, ["10.0.0.1/24"]);
});

test("an enum may be a name or a number", () => {
  for (const type of ["MEM_INTERFACE", 3]) {
    const client = parseValue(nsmClientModel, { interface_type: type });
    assert.equal(client.interfaceType, ConnectionInterfaceType.MEM_INTERFACE);
  }
});

test("a whole number may be text, null is as good as absent", () => {
  const link = parseValue(linuxInterfaceModel, { name: "a", mtu: "1500", namespace: null, tap: {} });
  assert.equal(link.mtu, 1500);
  assert.equal(link.namespace, undefined);
  assert.equal(link.link.case, "tap");
});

test("canonical JSON has original names, enums by name and no defaults", () => {
  const link = parseValue(linuxInterfaceModel, {
    name: "v1",
    type: 1,
    hostIfName: "",
    enabled: true,
    ipAddresses: ["10.0.0.1/24"],
    veth: { peerIfName: "v2" },
    mtu: 0,
  });
  assert.deepEqual(formatValue(linuxInterfaceModel, link), {
    name: "v1",
    type: "VETH",
    enabled: true,
    ip_addresses: ["10.0.0.1/24"],
    veth: { peer_if_name: "v2" },
  });
});

const state = defineModel({ module: "t", type: "state" }, InterfaceStateSchema);
const connection = defineModel({ module: "t", type: "connection" }, ConnectionSchema);
const any = defineModel({ module: "t", type: "any" }, AnySchema);

// Model, value, the message that the user gets.
const mistakes: [Model, unknown, string][] = [
  [
    linuxInterfaceModel,
    { name: "tap0", ip_adresses: [] },
    'linux.interfaces interface "tap0": field "ip_adresses" is unknown; did you mean "ip_addresses"?',
  ],
  [
    linuxArpModel,
    { colour: 1 },
    'linux.l3 arp: field "colour" is unknown; the fields are interface, ip_address, hw_address',
  ],
  [
    linuxInterfaceModel,
    { name: "v", veth: { Peer: "w" } },
    'linux.interfaces interface "v": field "veth.Peer" is unknown; the fields are peer_if_name, rx_checksum_offloading, tx_checksum_offloading',
  ],
  [
    linuxInterfaceModel,
    { name: "v", mtu: "big" },
    'linux.interfaces interface "v": field "mtu" is "big", must be a whole number from 0 to 4294967295',
  ],
  [
    linuxRouteModel,
    { metric: -1 },
    'linux.l3 route: field "metric" is -1, must be a whole number from 0 to 4294967295',
  ],
  [
    linuxRouteModel,
    { metric: 1.5 },
    'linux.l3 route: field "metric" is 1.5, must be a whole number from 0 to 4294967295',
  ],
  [
    linuxRouteModel,
    { metric: 4294967296 },
    'linux.l3 route: field "metric" is 4294967296, must be a whole number from 0 to 4294967295',
  ],
  [
    linuxRouteModel,
    { metric: "0x10" },
    'linux.l3 route: field "metric" is "0x10", must be a whole number from 0 to 4294967295',
  ],
  [
    linuxRouteModel,
    { metric: "" },
    'linux.l3 route: field "metric" is "", must be a whole number from 0 to 4294967295',
  ],
  [
    linuxInterfaceModel,
    { name: 7 },
    'linux.interfaces interface: field "name" is 7, must be text; put it in quotes: "7"',
  ],
  [
    linuxInterfaceModel,
    { ip_addresses: ["10.0.0.1/24", 5] },
    'linux.interfaces interface: field "ip_addresses[1]" is 5, must be text; put it in quotes: "5"',
  ],
  [
    linuxInterfaceModel,
    { ip_addresses: "10.0.0.1/24" },
    'linux.interfaces interface: field "ip_addresses" is "10.0.0.1/24", must be a list; write ["10.0.0.1/24"]',
  ],
  [
    nsmClientModel,
    { outgoing_labels: { key: "a" } },
    'cnf.nsm client: field "outgoing_labels" is an object, must be a list; put a - before it',
  ],
  [
    linuxInterfaceModel,
    { enabled: "yes" },
    'linux.interfaces interface: field "enabled" is "yes", must be true or false, without quotes',
  ],
  [
    nsmClientModel,
    { interface_type: "kernel" },
    'cnf.nsm client: field "interface_type" is "kernel", must be one of DEFAULT_INTERFACE, KERNEL_INTERFACE, MEM_INTERFACE',
  ],
  [
    linuxRuleChainModel,
    { table: "nat" },
    'linux.iptables rulechain: field "table" is "nat", must be one of FILTER, NAT, MANGLE, RAW, SECURITY; did you mean NAT?',
  ],
  [
    nsmClientModel,
    { interface_type: 2 },
    'cnf.nsm client: field "interface_type" is 2, must be one of DEFAULT_INTERFACE, KERNEL_INTERFACE, MEM_INTERFACE',
  ],
  [
    linuxInterfaceModel,
    { veth: {}, tap: {} },
    'linux.interfaces interface: field "tap" excludes "veth", which is given too; keep one of them',
  ],
  [
    linuxInterfaceModel,
    { tap: {}, veth: null },
    'linux.interfaces interface: field "veth" excludes "tap", which is given too; keep one of them',
  ],
  [
    linuxInterfaceModel,
    { ip_addresses: [], ipAddresses: [] },
    'linux.interfaces interface: field "ipAddresses" is given twice, also as "ip_addresses"; keep one',
  ],
  [
    linuxInterfaceModel,
    { veth: "veth2" },
    'linux.interfaces interface: field "veth" is "veth2", must be an object with fields such as peer_if_name, rx_checksum_offloading, tx_checksum_offloading',
  ],
  [
    nsmClientModel,
    { outgoing_labels: [null] },
    'cnf.nsm client: field "outgoing_labels[0]" is empty, must be an object with fields such as key, value',
  ],
  [
    linuxArpModel,
    null,
    "linux.l3 arp: the value is empty, must be an object with fields such as interface, ip_address, hw_address",
  ],
  [
    linuxArpModel,
    [],
    "linux.l3 arp: the value is a list, must be an object with fields such as interface, ip_address, hw_address",
  ],
  [
    linuxArpModel,
    { interface: "\ud800" },
    'linux.l3 arp: field "interface" is "\\ud800", must be text of valid Unicode',
  ],
  [
    linuxArpModel,
    JSON.parse('{"__proto__": {"interface": "x"}}'),
    'linux.l3 arp: field "__proto__" is unknown; the fields are interface, ip_address, hw_address',
  ],
  [
    state,
    { speed: "18446744073709551616" },
    't state: field "speed" is "18446744073709551616", must be a whole number from 0 to 18446744073709551615',
  ],
  [
    connection,
    { labels: { "a b": 1 } },
    't connection: field "labels["a b"]" is 1, must be text; put it in quotes: "1"',
  ],
  [connection, { labels: ["a"] }, 't connection: field "labels" is a list, must be an object of keys and values'],
  [
    linuxArpModel,
    { interface: 1, ip_address: 2, hw_address: true },
    'linux.l3 arp: field "interface" is 1, must be text; put it in quotes: "1"; also field "ip_address" is 2, must be text; ' +
      'put it in quotes: "2"; also field "hw_address" is true, must be text; put it in quotes: "true"',
  ],
];

for (const [model, value, message] of mistakes) {
  test(`a mistake is explained: ${message}`, () => {
    assert.throws(
      () => parseValue(model, value),
      (error) => {
        assert.ok(isCodedError(error, "INVALID_CONFIG"));
        assert.equal(error.message, message);
        return true;
      },
    );
  });
}

test("a mistake in a well-known type is an error of ours too", () => {
  for (const [model, value] of [
    [connection, { path: { path_segments: [{ expires: "yesterday" }] } }],
    [any, { "@type": "x/unknown.Type" }],
  ] as const) {
    assert.throws(
      () => parseValue(model as Model, value),
      (error) => isCodedError(error, "INVALID_CONFIG") && error.cause instanceof Error,
    );
  }
});

test("the error begins with the object that the caller names", () => {
  assert.throws(
    () => parseValue(linuxArpModel, { x: 1 }, { object: "CNFConfiguration default/nat" }),
    /^CodedError: CNFConfiguration default\/nat: linux\.l3 arp: field "x" is unknown/,
  );
});

test("the details hold every problem by field, the message the first three", () => {
  assert.throws(
    () => parseValue(linuxArpModel, { a: 1, b: 1, c: 1, d: 1 }),
    (error) => {
      assert.ok(isCodedError(error));
      assert.match(error.message, /; and 1 more$/);
      assert.equal(error.details.field, "a");
      assert.deepEqual(
        (error.details.problems as { field: string }[]).map(({ field }) => field),
        ["a", "b", "c", "d"],
      );
      return true;
    },
  );
});

test("a long value is cut in the message", () => {
  assert.throws(
    () => parseValue(linuxInterfaceModel, { enabled: "x".repeat(1e6), ["y".repeat(1e6)]: 1 }),
    (error: Error) => error.message.length < 1000,
  );
});

test("the largest numbers keep their value", () => {
  const parsed = parseValue(state, {
    speed: "18446744073709551615",
    last_change: "-9223372036854775808",
    if_index: -1,
  });
  assert.deepEqual(
    parsed,
    create(InterfaceStateSchema, { speed: 2n ** 64n - 1n, lastChange: -(2n ** 63n), ifIndex: -1 }),
  );
});
