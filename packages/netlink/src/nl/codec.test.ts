import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatIp } from "../names/ip.ts";
import { decodeAddr, encodeAddr } from "./addr.ts";
import { decodeLink } from "./link/decode.ts";
import { encodeLinkAdd, encodeLinkList, encodeLinkSet } from "./link/encode.ts";
import { messagesOf, viewOf } from "./message.ts";
import { decodeNeigh, encodeNeigh } from "./neigh.ts";
import { decodeRoute } from "./route/decode.ts";
import { encodeRoute } from "./route/encode.ts";
import { decodeRule, encodeRule } from "./rule.ts";
import { MessageWriter } from "./writer.ts";

type Decode<T> = (view: DataView, from: number, to: number) => T;

/** Encodes one message and decodes its payload: requests that add have the shape of what the kernel reports. */
function through<T>(encode: (writer: MessageWriter) => void, decode: Decode<T>): T {
  const writer = new MessageWriter();
  encode(writer);
  const view = viewOf(writer.bytes());
  const [message, more] = [...messagesOf(view)];
  assert.ok(message && !more);
  return decode(view, message.start, message.end);
}

const octets = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });
const ipv4 = octets(4).map(formatIp);
const ipv6 = octets(16)
  .map((bytes) => Uint8Array.of(0x20, ...bytes.subarray(1)))
  .map(formatIp);
const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,14}$/);
const mac = octets(6).map((bytes) =>
  [0x02, ...bytes.subarray(1)].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
);
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const port = fc.integer({ min: 1, max: 65535 });

test("a new vxlan link keeps every setting on the wire", () => {
  const link = fc.record({
    name,
    mac,
    mtu: fc.integer({ min: 68, max: 65535 }),
    group: u32,
    up: fc.boolean(),
    id: fc.integer({ min: 0, max: 0xffffff }),
    local: ipv4,
    remote: ipv4,
    port,
    learning: fc.boolean(),
    ttl: fc.integer({ min: 0, max: 255 }),
    link: fc.integer({ min: 1, max: 0x7fffffff }),
  });
  fc.assert(
    fc.property(link, (wanted) => {
      const read = through((writer) => encodeLinkAdd(writer, { kind: "vxlan", ...wanted }), decodeLink);
      const { id, local, remote, learning, ttl } = wanted;
      assert.deepEqual(read.info, {
        kind: "vxlan",
        id,
        local,
        remote,
        port: wanted.port,
        learning,
        ttl,
        link: wanted.link,
      });
      assert.deepEqual(
        [read.name, read.mac, read.mtu, read.group, read.up],
        [wanted.name, wanted.mac, wanted.mtu, wanted.group, wanted.up],
      );
    }),
  );
});

test("vxlan uses the port of RFC 7348 unless told otherwise", () => {
  const read = through(
    (writer) => encodeLinkAdd(writer, { kind: "vxlan", name: "vx0", id: 7, local: "fd00::1" }),
    decodeLink,
  );
  assert.equal(read.info?.kind === "vxlan" && read.info.port, 4789);
  assert.equal(read.info?.kind === "vxlan" && read.info.local, "fd00::1");
});

test("bridge, vlan and vrf settings survive the wire", () => {
  const info = (link: Parameters<typeof encodeLinkAdd>[1]) =>
    through((writer) => encodeLinkAdd(writer, link), decodeLink).info;
  assert.deepEqual(
    info({ kind: "bridge", name: "br0", stp: true, vlanFiltering: true, ageingTimeMs: 300_000, forwardDelayMs: 4_000 }),
    { kind: "bridge", stp: true, vlanFiltering: true, ageingTimeMs: 300_000, forwardDelayMs: 4_000 },
  );
  assert.deepEqual(info({ kind: "vlan", name: "v7", link: 3, id: 7, protocol: "802.1ad" }), {
    kind: "vlan",
    id: 7,
    protocol: "802.1ad",
  });
  assert.deepEqual(info({ kind: "vrf", name: "red", table: 1000 }), { kind: "vrf", table: 1000 });
  assert.deepEqual(info({ kind: "dummy", name: "d0" }), { kind: "dummy" });
});

test("an address keeps every setting on the wire", () => {
  const addr = fc.record(
    {
      link: fc.integer({ min: 1, max: 0x7fffffff }),
      address: fc.oneof(
        fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([ip, length]) => `${ip}/${length}`),
        fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([ip, length]) => `${ip}/${length}`),
      ),
      scope: fc.constantFrom("global" as const, "link" as const, "host" as const),
      validSeconds: fc.integer({ min: 1, max: 1_000_000 }),
      label: name,
    },
    { requiredKeys: ["link", "address"] },
  );
  fc.assert(
    fc.property(addr, (wanted) => {
      const read = through((writer) => encodeAddr(writer, "add", wanted), decodeAddr);
      assert.ok(read);
      assert.deepEqual(
        [read.link, read.address, read.scope, read.validSeconds, read.label],
        [wanted.link, wanted.address, wanted.scope ?? "global", wanted.validSeconds, wanted.label],
      );
    }),
  );
});

test("a point-to-point address tells both ends", () => {
  const read = through(
    (writer) => encodeAddr(writer, "add", { link: 5, address: "10.0.0.1/32", peer: "10.0.0.2" }),
    decodeAddr,
  );
  assert.equal(read?.address, "10.0.0.1/32");
  assert.equal(read?.peer, "10.0.0.2");
});

test("a route keeps every setting on the wire", () => {
  const route = fc.record(
    {
      destination: fc.oneof(
        ipv4.map((ip) => `${ip}/32`),
        fc.constant("default"),
        fc.constant("10.0.0.0/8"),
      ),
      gateway: ipv4,
      link: fc.integer({ min: 1, max: 0x7fffffff }),
      source: ipv4,
      table: fc.integer({ min: 1, max: 0xffffffff }),
      protocol: fc.integer({ min: 0, max: 255 }),
      scope: fc.constantFrom("global" as const, "link" as const, "host" as const, "site" as const),
      metric: u32,
      mtu: fc.integer({ min: 68, max: 65535 }),
      onlink: fc.boolean(),
      type: fc.constantFrom("unicast" as const, "blackhole" as const, "prohibit" as const),
    },
    { requiredKeys: ["destination", "gateway"] },
  );
  fc.assert(
    fc.property(route, (wanted) => {
      const read = through((writer) => encodeRoute(writer, "add", wanted), decodeRoute);
      assert.ok(read);
      const { flags: _, family: __, ...rest } = read;
      const defaults = {
        type: "unicast",
        table: 254,
        protocol: 4,
        scope: "global",
        metric: 0,
        onlink: false,
      };
      assert.deepEqual(rest, { ...defaults, ...wanted });
    }),
  );
});

test("scopes default as iproute2's do", () => {
  const scope = (route: Parameters<typeof encodeRoute>[2], verb: "add" | "delete" = "add") =>
    through((writer) => encodeRoute(writer, verb, route), decodeRoute)?.scope;
  assert.equal(scope({ destination: "10.0.0.0/8", link: 2 }), "link");
  assert.equal(scope({ destination: "10.0.0.0/8", gateway: "10.9.9.9" }), "global");
  assert.equal(scope({ destination: "10.0.0.1/32", type: "local", link: 1 }), "host");
  assert.equal(scope({ destination: "fd00::/64", link: 2 }), "global");
  assert.equal(scope({ destination: "10.0.0.0/8" }, "delete"), "nowhere");
});

test("several next hops and an IPv6 gateway of an IPv4 route survive the wire", () => {
  const multipath = [
    { gateway: "10.0.0.2", link: 2, weight: 3, onlink: true },
    { gateway: "fe80::2", link: 4, weight: 256, onlink: false },
  ];
  const read = through((writer) => encodeRoute(writer, "add", { destination: "default", multipath }), decodeRoute);
  assert.deepEqual(read?.multipath, multipath);
  const via6 = through(
    (writer) => encodeRoute(writer, "add", { destination: "10.0.0.0/8", gateway: "fe80::1", link: 2 }),
    decodeRoute,
  );
  assert.equal(via6?.gateway, "fe80::1");
  assert.equal(via6?.family, 4);
});

test("a rule keeps every selector on the wire", () => {
  const range = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
  const rule = fc.record(
    {
      priority: u32,
      table: fc.integer({ min: 1, max: 0xffffffff }),
      from: ipv4.map((ip) => `${ip}/32`),
      to: ipv4.map((ip) => `${ip}/32`),
      iif: name,
      oif: name,
      fwmark: u32,
      fwmask: u32,
      ipProto: fc.integer({ min: 1, max: 255 }),
      sourcePorts: range,
      destinationPorts: range,
      invert: fc.boolean(),
      protocol: fc.integer({ min: 0, max: 255 }),
    },
    { requiredKeys: ["table", "priority"] },
  );
  fc.assert(
    fc.property(rule, (wanted) => {
      const read = through((writer) => encodeRule(writer, "add", wanted), decodeRule);
      assert.deepEqual(read, { family: 4, action: "table", invert: false, protocol: 4, ...wanted });
    }),
  );
});

test("a neighbour keeps every setting on the wire", () => {
  const neigh = fc.record({
    link: fc.integer({ min: 1, max: 0x7fffffff }),
    address: fc.oneof(ipv4, ipv6),
    mac,
    state: fc.constantFrom("permanent" as const, "reachable" as const, "noarp" as const),
    proxy: fc.boolean(),
    router: fc.boolean(),
  });
  fc.assert(
    fc.property(neigh, (wanted) => {
      const read = through((writer) => encodeNeigh(writer, "add", wanted), decodeNeigh);
      assert.deepEqual(read, { family: wanted.address.includes(":") ? 6 : 4, ...wanted });
    }),
  );
});

test("a link named by name becomes a fixup at the place of its index", () => {
  const writer = new MessageWriter();
  encodeAddr(writer, "add", { link: "eth9", address: "10.0.0.1/24" });
  const [fixup] = writer.takeFixups();
  assert.deepEqual(fixup, { offset: 20, name: "eth9" });
  viewOf(writer.bytes()).setUint32(20, 4711, true);
  assert.equal(decodeAddr(viewOf(writer.bytes()), 16, writer.length)?.link, 4711);
  assert.deepEqual(writer.takeFixups(), []);
});

test("renaming names the link by index, other changes by name", () => {
  const writer = new MessageWriter();
  encodeLinkSet(writer, "old", { mtu: 1400 });
  assert.equal(decodeLink(viewOf(writer.bytes()), 16, writer.length).name, "old");
  assert.equal(writer.takeFixups().length, 0);
  const renaming = new MessageWriter();
  encodeLinkSet(renaming, "old", { name: "new" });
  assert.equal(decodeLink(viewOf(renaming.bytes()), 16, renaming.length).name, "new");
  assert.deepEqual(renaming.takeFixups(), [{ offset: 20, name: "old" }]);
});

test("a refused value leaves nothing of its message behind", () => {
  const writer = new MessageWriter();
  encodeLinkList(writer, {});
  const before = writer.bytes().slice();
  assert.throws(() =>
    encodeAddr(writer, "add", { link: "eth0", address: "10.0.0.1/24", label: "much too long a label" }),
  );
  writer.truncate(before.length);
  assert.deepEqual(writer.bytes(), before);
  assert.deepEqual(writer.takeFixups(), []);
  encodeLinkList(writer, {});
  assert.deepEqual(writer.bytes().subarray(before.length), before);
});
