import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { connectionOf, type Given, kernelSide } from "./fixtures/connection.ts";
import { netnsPathOf, planInterface } from "./plan.ts";
import { parsePrefix, prefixContains } from "./prefix.ts";

const client = (given: Given, parameters = {}) => planInterface("client", kernelSide(parameters), connectionOf(given));
const server = (given: Given, parameters = {}) => planInterface("server", kernelSide(parameters), connectionOf(given));

const refused = (run: () => unknown, pattern: RegExp): void => {
  assert.throws(run, (error: unknown) => {
    assert.ok(isCodedError(error, "INVALID_ARGUMENT"), String(error));
    assert.match(error.message, /^connection c1: /);
    assert.match(error.message, pattern);
    return true;
  });
};

test("the client's interface gets src addresses and src routes, the endpoint's dst addresses and dst routes", () => {
  const ip = {
    srcIpAddrs: ["10.0.0.1/32"],
    dstIpAddrs: ["10.0.0.2/32"],
    srcRoutes: [{ prefix: "10.0.0.2/32" }],
    dstRoutes: [{ prefix: "10.0.0.1/32" }],
  };
  assert.deepEqual(client({ ip }).addresses, ["10.0.0.1/32"]);
  assert.deepEqual(client({ ip }).routes, [{ destination: "10.0.0.2/32" }]);
  assert.deepEqual(server({ ip }).addresses, ["10.0.0.2/32"]);
  assert.deepEqual(server({ ip }).routes, [{ destination: "10.0.0.1/32" }]);
});

test("a route without next hop goes through the first far address of its family", () => {
  const ip = {
    srcIpAddrs: ["10.0.0.1/32", "fd00::1/128"],
    dstIpAddrs: ["10.0.0.2/32", "10.0.0.3/32", "fd00::2/128"],
    srcRoutes: [{ prefix: "0.0.0.0/0" }, { prefix: "2001:db8::/32" }],
  };
  const routes = client({ ip }).routes;
  assert.deepEqual(routes.at(-2), { destination: "0.0.0.0/0", gateway: "10.0.0.2" });
  assert.deepEqual(routes.at(-1), { destination: "2001:db8::/32", gateway: "fd00::2" });
});

test("a route inside the far side's network needs no gateway", () => {
  const ip = {
    srcIpAddrs: ["10.0.1.1/32"],
    dstIpAddrs: ["10.0.0.2/24"],
    srcRoutes: [{ prefix: "10.0.0.128/25" }],
  };
  assert.deepEqual(client({ ip }).routes, [{ destination: "10.0.0.0/24" }, { destination: "10.0.0.128/25" }]);
});

test("a far address that an own network covers gets no route of its own", () => {
  const ip = { srcIpAddrs: ["10.0.0.5/24"], dstIpAddrs: ["10.0.0.2/32"] };
  assert.deepEqual(client({ ip }).routes, []);
  assert.deepEqual(server({ ip }).routes, [{ destination: "10.0.0.0/24" }]);
});

test("a given next hop is kept, and a route asked for wins over the one to the far side", () => {
  const ip = {
    srcIpAddrs: ["10.0.0.1/32"],
    dstIpAddrs: ["10.0.0.2/32"],
    srcRoutes: [{ prefix: "10.0.0.2/32", nextHop: "10.0.0.9" }],
  };
  assert.deepEqual(client({ ip }).routes, [{ destination: "10.0.0.2/32", gateway: "10.0.0.9" }]);
});

test("equal contexts written differently give equal plans", () => {
  const one = client({ ip: { srcIpAddrs: ["fd00:0:0::1/64"], srcRoutes: [{ prefix: "2001:DB8::5/32" }] } });
  const two = client({ ip: { srcIpAddrs: ["fd00::1/64"], srcRoutes: [{ prefix: "2001:db8::/32" }] } });
  assert.deepEqual(one, two);
});

test("policies are the client's alone; each has a rule and a table of its own", () => {
  const ip = {
    srcIpAddrs: ["10.0.0.1/32"],
    dstIpAddrs: ["10.0.0.2/32"],
    policies: [
      { from: "10.9.0.7/24", proto: "tcp", dstPort: "80-90", routes: [{ prefix: "10.8.0.0/16" }] },
      { proto: "17", srcPort: "53" },
    ],
  };
  const [first, second, ...rest] = client({ ip }).policies;
  assert.deepEqual(rest, []);
  assert.deepEqual(first?.selector, {
    family: 4,
    from: "10.9.0.0/24",
    ipProto: 6,
    destinationPorts: { from: 80, to: 90 },
  });
  assert.deepEqual(first?.routes, [{ destination: "10.8.0.0/16", gateway: "10.0.0.2" }]);
  assert.deepEqual(second?.routes, [{ destination: "0.0.0.0/0", gateway: "10.0.0.2" }]);
  assert.notEqual(first?.table, second?.table);
  assert.deepEqual(server({ ip }).policies, []);
});

test("policies that select the same packets become one with the routes of both", () => {
  const ip = {
    policies: [
      { from: "10.9.0.0/24", proto: "tcp", routes: [{ prefix: "10.8.0.0/16", nextHop: "10.0.0.2" }] },
      { from: "10.9.0.0/24", proto: "6", routes: [{ prefix: "10.7.0.0/16", nextHop: "10.0.0.3" }] },
    ],
  };
  const policies = client({ ip }).policies;
  assert.equal(policies.length, 1);
  assert.deepEqual(
    policies[0]?.routes.map((route) => route.destination),
    ["10.8.0.0/16", "10.7.0.0/16"],
  );
});

test("with a VLAN on the link, addresses, routes and MTU are the application's own", () => {
  const given = { mtu: 1400, ip: { srcIpAddrs: ["10.0.0.1/32"] } };
  const plan = client(given, { vlan: "100" });
  assert.deepEqual([plan.addresses, plan.mtu], [[], undefined]);
  assert.deepEqual(client(given, { vlan: "0" }).addresses, ["10.0.0.1/32"]);
});

test("IPv6 is switched off on a link of payload IP that has IPv4 addresses alone, and on no other", () => {
  const v4 = { srcIpAddrs: ["10.0.0.1/32"] };
  assert.equal(client({ payload: "IP", ip: v4 }).ipv6, false);
  assert.equal(client({ payload: "ETHERNET", ip: v4 }).ipv6, true);
  assert.equal(client({ payload: "IP" }).ipv6, true);
  assert.equal(client({ payload: "IP", ip: { srcIpAddrs: ["10.0.0.1/32", "fd00::1/64"] } }).ipv6, true);
  assert.equal(client({ payload: "IP", ip: { ...v4, srcRoutes: [{ prefix: "::/0" }] } }).ipv6, true);
});

test("wrong values are refused with the field, the value and the remedy", () => {
  refused(() => client({ ip: { srcIpAddrs: ["10.0.0.1"] } }), /src_ip_addrs.*"10\.0\.0\.1".*length/);
  refused(() => client({ ip: { srcRoutes: [{ prefix: "all" }] } }), /src_routes prefix.*"all"/);
  refused(
    () => client({ ip: { srcRoutes: [{ prefix: "0.0.0.0/0", nextHop: "fd00::1" }] } }),
    /nextHop is "fd00::1"; write an IPv4 address/,
  );
  refused(() => client({ ip: { ipNeighbors: [{ ip: "x" }] } }), /ip_neighbors\.ip is "x"/);
  refused(
    () => client({ ip: { ipNeighbors: [{ ip: "10.0.0.1", hardwareAddress: "ff:ff" }] } }),
    /ip_neighbors.*"ff:ff"/,
  );
  refused(() => client({}, { name: "" }), /name.*empty/);
  refused(() => client({}, { name: "sixteen-letters-x" }), /name.*17 bytes/);
  refused(() => client({}, { name: "../../x" }), /name.*"\/"/);
  refused(() => client({}, { vlan: "-1" }), /vlan is "-1"; write a whole number from 0 to 4095/);
  refused(() => client({ mtu: 67 }), /context\.MTU is 67/);
  refused(() => client({ mtu: 4_294_967_295 }), /context\.MTU is 4294967295/);
  refused(() => client({ mtu: 1279, ip: { srcIpAddrs: ["fd00::1/64"] } }), /IPv6 addresses need at least 1280/);
  refused(() => client({ ip: { policies: [{ proto: "256" }] } }), /policies\.proto is "256"/);
  refused(() => client({ ip: { policies: [{ dstPort: "90-80" }] } }), /policies\.dst_port is "90-80"/);
  refused(() => client({ ip: { policies: [{ dstPort: "1-2-3" }] } }), /policies\.dst_port is "1-2-3"/);
  refused(() => client({ ip: { policies: [{ srcPort: "65535" }] } }), /src_port is "65535".* 1 to 65534/);
  refused(
    () => client({ ip: { policies: [{ from: "10.0.0.0/8", routes: [{ prefix: "fd00::/64" }] }] } }),
    /policies\.routes.*same IP version/,
  );
  refused(() => client({ ip: { srcIpAddrs: new Array(101).fill("10.0.0.1/32") } }), /src_ip_addrs.*at most 100/);
});

test("a namespace is a file URL of this machine and nothing else", () => {
  assert.equal(netnsPathOf("c1", kernelSide({}, "file:///proc/7/fd/12")), "/proc/7/fd/12");
  assert.equal(netnsPathOf("c1", kernelSide({}, "file:///run/netns/a%20b")), "/run/netns/a b");
  for (const url of [
    "",
    "inode://4/4026532000",
    "/proc/7/ns/net",
    "file://host/proc/7/ns/net",
    "file:///proc/%zz",
    "file:///proc/%2f/x",
    "file:///proc/%00",
    "http://x/",
  ])
    refused(() => netnsPathOf("c1", kernelSide({}, url)), /inodeURL.*must be a file:\/\/ URL/);
});

const hostile = fc.record({
  srcIpAddrs: fc.array(fc.oneof(fc.string(), fc.ipV4(), fc.constant("10.0.0.1/8"), fc.constant("fd00::1/64"))),
  dstIpAddrs: fc.array(fc.oneof(fc.string(), fc.constant("10.0.0.2/31"), fc.constant("fd00::2/127"))),
  srcRoutes: fc.array(fc.record({ prefix: fc.oneof(fc.string(), fc.constant("0.0.0.0/0")), nextHop: fc.string() })),
  ipNeighbors: fc.array(fc.record({ ip: fc.oneof(fc.string(), fc.ipV4()), hardwareAddress: fc.string() })),
  policies: fc.array(fc.record({ from: fc.string(), proto: fc.string(), dstPort: fc.string(), srcPort: fc.string() })),
});

test("whatever a peer writes, a plan is made or INVALID_ARGUMENT is thrown", () => {
  fc.assert(
    fc.property(hostile, fc.nat(), fc.dictionary(fc.string(), fc.string()), fc.webUrl(), (ip, mtu, extra, url) => {
      for (const side of ["client", "server"] as const) {
        try {
          const plan = planInterface(side, kernelSide(extra), connectionOf({ ip, mtu }));
          assert.equal(JSON.stringify(plan).length > 0, true);
        } catch (error) {
          assert.ok(isCodedError(error, "INVALID_ARGUMENT"), String(error));
        }
      }
      assert.throws(() => netnsPathOf("c1", kernelSide({}, url)));
    }),
    { numRuns: 500 },
  );
});

test("an address lies in a network exactly when its leading bits are the network's", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const v4 = fc.tuple(byte, byte, byte, byte);
  fc.assert(
    fc.property(v4, v4, fc.integer({ min: 0, max: 32 }), (a, b, length) => {
      const bits = (ip: readonly number[]) => ip.map((each) => each.toString(2).padStart(8, "0")).join("");
      const expected = bits(a).slice(0, length) === bits(b).slice(0, length);
      const outer = parsePrefix(`${a.join(".")}/${length}`, "outer");
      assert.equal(prefixContains(outer, parsePrefix(`${b.join(".")}/32`, "inner")), expected);
    }),
  );
  assert.equal(prefixContains(parsePrefix("0.0.0.0/0", "a"), parsePrefix("::1/128", "b")), false);
});
