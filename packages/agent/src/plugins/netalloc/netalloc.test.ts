import assert from "node:assert/strict";
import { test } from "node:test";
import { netallocIpModel, parseValue } from "@nsmkit/api/model";
import { World } from "../linux/testing.ts";
import { createNetallocDescriptor } from "./netalloc.ts";
import { parseAllocReference } from "./reference.ts";

const refusals: [value: object, message: string][] = [
  [
    { interface_name: "a", address: "10.0.0.1/24" },
    'field "network_name" is empty; name the network; references begin with it',
  ],
  [
    { network_name: "n", address: "10.0.0.1/24" },
    'field "interface_name" is empty; write the logical name of the interface that has the address',
  ],
  [
    { network_name: "n/m", interface_name: "a", address: "10.0.0.1/24" },
    'field "network_name" is "n/m", which no reference can name; leave out "/"',
  ],
  [{ network_name: "n", interface_name: "a" }, 'field "address" is "", must be an address such as 10.0.0.1/24'],
  [
    { network_name: "n", interface_name: "a", address: "10.0.0.300/24", gw: "x" },
    'field "address" is "10.0.0.300/24", must be an address such as 10.0.0.1/24; field "gw" is "x", must be an address such as 10.0.0.1/24',
  ],
];
for (const [value, message] of refusals)
  test(`an allocation ${JSON.stringify(value)} is refused with field and remedy`, () => {
    const { validate } = createNetallocDescriptor();
    assert.throws(() => validate?.("key", parseValue(netallocIpModel, value)), {
      code: "INVALID_CONFIG",
      message: new RegExp(`: ${message.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`),
    });
  });

test("every form of a reference is read", () => {
  assert.deepEqual(
    ["alloc:net", "alloc:net/GW", "alloc:net/other", "alloc:net/other/GW", "alloc:net/a/b"].map((text) =>
      parseAllocReference(text, "own"),
    ),
    [
      { network: "net", interface: "own", gateway: false },
      { network: "net", interface: "own", gateway: true },
      { network: "net", interface: "other", gateway: false },
      { network: "net", interface: "other", gateway: true },
      { network: "net", interface: "a/b", gateway: false },
    ],
  );
  for (const text of ["10.0.0.1", "alloc:", "alloc:/x", ""]) assert.equal(parseAllocReference(text, "own"), undefined);
  assert.equal(parseAllocReference("alloc:net", ""), undefined);
});

test("addresses, destinations, gateways and neighbours can all be references, of one's own and of others", async () => {
  await using w = await World.start();
  await w.declare(`netallocConfig:
  ip_addresses:
  - {network_name: net, interface_name: a, address: 10.0.0.1/24, gw: 10.0.0.254}
  - {network_name: net, interface_name: far, address: 10.9.0.1/16}
linuxConfig:
  interfaces:
  - {name: a, type: DUMMY, enabled: true, ip_addresses: ["alloc:net/a"]}
  routes:
  - {outgoing_interface: a, dst_network: "alloc:net/far", gw_addr: "alloc:net/GW"}
  arp_entries:
  - {interface: a, ip_address: "alloc:net/a/GW", hw_address: "02:00:00:00:00:fe"}
`);
  assert.deepEqual(await w.addresses("a"), ["10.0.0.1/24"]);
  assert.deepEqual(await w.routes(), ["10.9.0.0/16 via 10.0.0.254"]);
  assert.deepEqual(
    (await w.own.neighList({ link: "a" })).map(({ address }) => address),
    ["10.0.0.254"],
  );
});

test("an address of a network whose name begins alike makes no gateway reachable", async () => {
  await using w = await World.start();
  await w.declare(`netallocConfig:
  ip_addresses:
  - {network_name: net, interface_name: a, address: 10.0.0.1/24, gw: 10.0.0.254}
  - {network_name: net2, interface_name: a, address: 10.2.0.1/24}
linuxConfig:
  interfaces:
  - {name: a, type: DUMMY, enabled: true, ip_addresses: ["alloc:net2"]}
  routes:
  - {outgoing_interface: a, dst_network: 10.8.0.0/16, gw_addr: "alloc:net/a/GW"}
`);
  assert.deepEqual(w.status("config/linux/l3/v2/route/10.8.0.0/16/a").details, ["address of net on a"]);
});

test("an allocation that changes moves everything that refers to it", async () => {
  await using w = await World.start();
  const config = (
    address: string,
  ) => `netallocConfig: {ip_addresses: [{network_name: net, interface_name: a, address: ${address}}]}
linuxConfig: {interfaces: [{name: a, type: DUMMY, enabled: true, ip_addresses: ["alloc:net"]}]}
`;
  await w.declare(config("10.0.0.1/24"));
  await w.declare(config("10.0.7.1/24"));
  assert.deepEqual(await w.addresses("a"), ["10.0.7.1/24"]);
});
