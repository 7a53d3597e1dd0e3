/**
 * What we send, compared with what iproute2 6.1 sends for the same wish (captured from its sendmsg calls): a check of
 * numbers and layouts by somebody else's reading of the kernel headers, also for kinds of link that this kernel lacks.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Op } from "../api/ops.ts";
import { messageOf } from "../kernel/encode-op.ts";
import { addrAdd, linkAdd, neighAdd, routeAdd, routeDelete, ruleAdd } from "../ops.ts";
import { forEachAttribute, text } from "./attributes.ts";
import { encodeLinkAdd, type RtnetlinkNewLink } from "./link/encode.ts";
import { messagesOf, NLM_F_ACK, viewOf } from "./message.ts";
import { MessageWriter } from "./writer.ts";

/** Bytes of the fixed structure after the message header, by message type / 4 (RTM_FAM in linux/rtnetlink.h). */
const fixedBytes: Readonly<Record<number, number>> = { 4: 16, 5: 8, 6: 12, 7: 12, 8: 12 };

/** Attributes that hold attributes: IFLA_LINKINFO and its IFLA_INFO_DATA, RTA_METRICS. */
const nested: Readonly<Record<string, readonly string[]>> = { 4: ["18", "18.2"], 6: ["8"] };

const hex = (view: DataView, start: number, end: number): string =>
  Buffer.from(view.buffer, view.byteOffset + start, end - start).toString("hex");

/** Attributes by their path, so that neither their order nor the nested mark matters. */
function flatten(
  view: DataView,
  from: number,
  to: number,
  family: number,
  path: string,
  into: Map<string, string>,
): void {
  forEachAttribute(view, from, to, (type, start, end) => {
    const own = path === "" ? String(type) : `${path}.${type}`;
    if (nested[family]?.includes(own)) flatten(view, start, end, family, own, into);
    // A final zero byte of the kind is optional (nla_strscpy()).
    else into.set(own, family === 4 && own === "18.1" ? text(view, start, end) : hex(view, start, end));
  });
}

function meaning(bytes: Uint8Array) {
  const view = viewOf(bytes);
  const [message, more] = [...messagesOf(view)];
  assert.ok(message && !more);
  const { type, flags, start, end } = message;
  const family = type >> 2;
  const body = start + (fixedBytes[family] ?? 0);
  const attributes = new Map<string, string>();
  flatten(view, body, end, family, "", attributes);
  return {
    type,
    flags: flags & ~NLM_F_ACK,
    fixed: hex(view, start, body),
    attributes: Object.fromEntries([...attributes].sort()),
  };
}

function ours(op: Op): Uint8Array {
  const writer = new MessageWriter();
  if (op.op === "linkAdd") encodeLinkAdd(writer, op.link as RtnetlinkNewLink);
  else messageOf(op)?.encode(writer);
  return writer.bytes();
}

/** Where the two differ on purpose: FRA_PROTOCOL is ours; iproute2 leaves it to the kernel. */
const onPurpose = new Set(["8:21"]);

const captured: readonly { readonly command: string; readonly op: Op; readonly sent: string }[] = [
  {
    command: "ip link add name d0 type dummy",
    op: linkAdd({ kind: "dummy", name: "d0" }),
    sent: "3800000010000506eacc006b00000000000000000000000000000000000000000700030064300000100012000900010064756d6d79000000",
  },
  {
    command: "ip link add link lo name v7 type vlan id 7 protocol 802.1ad",
    op: linkAdd({ kind: "vlan", name: "v7", link: 1, id: 7, protocol: "802.1ad" }),
    sent: "5000000010000506eacc006b0000000000000000000000000000000000000000080005000100000007000300763700002000120008000100766c616e1400020006000100070000000600050088a80000",
  },
  {
    command: "ip link add name red type vrf table 1000",
    op: linkAdd({ kind: "vrf", name: "red", table: 1000 }),
    sent: "4000000010000506eacc006b000000000000000000000000000000000000000008000300726564001800120007000100767266000c00020008000100e8030000",
  },
  {
    command:
      "ip link add name vx0 mtu 1400 address 02:00:00:00:00:01 type vxlan id 4242 local 10.0.0.1 remote 10.0.0.2 dstport 4789 nolearning ttl 9 dev lo",
    op: linkAdd({
      kind: "vxlan",
      name: "vx0",
      mtu: 1400,
      mac: "02:00:00:00:00:01",
      id: 4242,
      local: "10.0.0.1",
      remote: "10.0.0.2",
      learning: false,
      ttl: 9,
      link: 1,
    }),
    sent: "8800000010000506eacc006b000000000000000000000000000000000000000008000400780500000a000100020000000001000008000300767830004c0012000900010076786c616e0000003c000200050005000900000008000300010000000800010092100000080004000a000001080002000a000002050007000000000006000f0012b50000",
  },
  {
    command: "ip link add name br0 up type bridge stp_state 1 vlan_filtering 1 ageing_time 30000 forward_delay 400",
    op: linkAdd({
      kind: "bridge",
      name: "br0",
      up: true,
      stp: true,
      vlanFiltering: true,
      ageingTimeMs: 300_000,
      forwardDelayMs: 4_000,
    }),
    sent: "5c00000010000506eacc006b00000000000000000000000001000000010000000800030062723000340012000a0001006272696467650000240002000800050001000000050007000100000008000400307500000800010090010000",
  },
  {
    command: "ip link add name va type veth peer name vb",
    op: linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } }),
    sent: "540000001000050618cd006b000000000000000000000000000000000000000007000300766100002c0012000800010076657468200002001c000100000000000000000000000000000000000700030076620000",
  },
  {
    command: "ip addr add 10.0.0.1/24 dev lo label lo:x valid_lft 600 preferred_lft 300",
    op: addrAdd({ link: 1, address: "10.0.0.1/24", label: "lo:x", validSeconds: 600, preferredSeconds: 300 }),
    sent: "4800000014000506eacc006b000000000218000001000000080002000a000001090003006c6f3a7800000000080001000a000001140006002c010000580200000000000000000000",
  },
  {
    command: "ip addr add fd00::1/64 dev lo nodad noprefixroute",
    op: addrAdd({ link: 1, address: "fd00::1/64", nodad: true, noPrefixRoute: true }),
    sent: "4800000014000506eacc006b000000000a4000000100000014000200fd000000000000000000000000000001080008000202000014000100fd000000000000000000000000000001",
  },
  {
    command: "ip addr add 10.7.0.1 peer 10.7.0.2/32 dev lo scope link",
    op: addrAdd({ link: 1, address: "10.7.0.1/32", peer: "10.7.0.2", scope: "link" }),
    sent: "2800000014000506eacc006b00000000022000fd01000000080002000a070001080001000a070002",
  },
  {
    command:
      "ip route add 10.9.0.0/16 via 10.0.0.2 dev lo onlink table 1000 metric 5 proto static mtu 1300 src 10.0.0.1",
    op: routeAdd({
      destination: "10.9.0.0/16",
      gateway: "10.0.0.2",
      link: 1,
      onlink: true,
      table: 1000,
      metric: 5,
      mtu: 1300,
      source: "10.0.0.1",
    }),
    sent: "5800000018000506eacc006b00000000021000000004000104000000080001000a090000080005000a00000208000f00e80300000800060005000000080007000a00000108000400010000000c0008000800020014050000",
  },
  {
    command: "ip route add blackhole 10.8.0.0/16",
    op: routeAdd({ destination: "10.8.0.0/16", type: "blackhole", protocol: 3 }),
    sent: "2400000018000506eacc006b0000000002100000fe03000600000000080001000a080000",
  },
  {
    command:
      "ip route add default table 300 nexthop via 10.0.0.2 dev lo weight 2 onlink nexthop via 10.0.0.3 dev lo onlink",
    op: routeAdd({
      destination: "default",
      table: 300,
      protocol: 3,
      multipath: [
        { gateway: "10.0.0.2", link: 1, weight: 2, onlink: true },
        { gateway: "10.0.0.3", link: 1, onlink: true },
      ],
    }),
    sent: "4800000018000506eacc006b0000000002000000000300010000000008000f002c010000240009001000040101000000080005000a0000021000040001000000080005000a000003",
  },
  {
    command: "ip route add 10.6.0.0/16 via inet6 fe80::9 dev va",
    op: routeAdd({ destination: "10.6.0.0/16", gateway: "fe80::9", link: 5, protocol: 3 }),
    sent: "4400000018000506eacc006b0000000002100000fe03000100000000080001000a060000160012000a00fe80000000000000000000000000000900000800040005000000",
  },
  {
    command: "ip -6 route add fd01::/64 dev va metric 50",
    op: routeAdd({ destination: "fd01::/64", link: 5, metric: 50, protocol: 3 }),
    sent: "4000000018000506eacc006b000000000a400000fe0300010000000014000100fd01000000000000000000000000000008000600320000000800040005000000",
  },
  {
    command: "ip route del 10.9.0.0/16 table 1000",
    op: routeDelete({ destination: "10.9.0.0/16", table: 1000 }),
    sent: "2c00000019000500eacc006b00000000021000000000ff0000000000080001000a09000008000f00e8030000",
  },
  {
    command:
      "ip rule add from 10.0.0.0/24 to 10.1.0.0/16 ipproto tcp sport 1000-2000 dport 80 iif lo fwmark 7/0xff priority 100 table 300",
    op: ruleAdd({
      from: "10.0.0.0/24",
      to: "10.1.0.0/16",
      ipProto: 6,
      sourcePorts: { from: 1000, to: 2000 },
      destinationPorts: { from: 80, to: 80 },
      iif: "lo",
      fwmark: 7,
      fwmask: 0xff,
      priority: 100,
      table: 300,
    }),
    sent: "6c00000020000506eacc006b00000000021018000000000100000000080002000a000000080001000a010000050016000600000008001700e803d0070800180050005000070003006c6f000008000a000700000008001000ff000000080006006400000008000f002c010000",
  },
  {
    command: "ip -6 rule add not from fd00::/64 priority 5 prohibit",
    op: ruleAdd({ from: "fd00::/64", invert: true, priority: 5, action: "prohibit" }),
    sent: "38000000200005062ecd006b000000000a004000000000080200000014000200fd0000000000000000000000000000000800060005000000",
  },
  {
    command: "ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev va nud permanent",
    op: neighAdd({ link: 5, address: "10.0.0.9", mac: "02:00:00:00:00:09" }),
    sent: "300000001c000506ebcc006b00000000020000000500000080000000080001000a0000090a0002000200000000090000",
  },
];

for (const { command, op, sent } of captured) {
  test(`we send what iproute2 sends for: ${command}`, () => {
    const mine = meaning(ours(op));
    const theirs = meaning(Buffer.from(sent, "hex"));
    for (const name of Object.keys(mine.attributes))
      if (onPurpose.has(`${mine.type >> 2}:${name}`)) delete mine.attributes[name];
    assert.deepEqual(mine, theirs);
  });
}
