import assert from "node:assert/strict";
import { test } from "node:test";
import type { Op } from "@nsmkit/netlink";
import { diff, ruleRemovals } from "./diff.ts";
import { emptyPlan, type InterfacePlan } from "./interface-plan.ts";

const plan = (changes: Partial<InterfacePlan> = {}): InterfacePlan => ({ ...emptyPlan("nsm-1"), ...changes });

/** A request in a few words. */
function short(op: Op): string {
  switch (op.op) {
    case "addrReplace":
    case "addrDelete":
      return `${op.op} ${op.addr.address}${op.addr.nodad ? " nodad" : ""}`;
    case "routeReplace":
    case "routeDelete": {
      const { destination, gateway, onlink, table } = op.route;
      const via = gateway ? ` via ${gateway}${onlink ? " onlink" : ""}` : "";
      return `${op.op} ${destination}${via}${table ? ` table ${table}` : ""}`;
    }
    case "neighReplace":
    case "neighDelete":
      return `${op.op} ${op.neigh.address}${op.neigh.mac ? ` ${op.neigh.mac} ${op.neigh.state}` : ""}`;
    case "ruleAdd":
    case "ruleDelete":
      return `${op.op} ${op.rule.from ?? "all"} table ${op.rule.table}`;
    case "linkSet":
      return `linkSet ${JSON.stringify(op.changes)}`;
    case "sysctlSet":
      return `sysctlSet ${op.name} ${op.value}`;
    default:
      return op.op;
  }
}
const change = (before: InterfacePlan, after: InterfacePlan): string[] => diff(before, after).map(short);

const full = plan({
  mtu: 1400,
  addresses: ["10.0.0.1/32", "fd00::1/128"],
  routes: [{ destination: "10.0.0.2/32" }, { destination: "0.0.0.0/0", gateway: "10.0.0.2" }],
  neighbors: [{ ip: "10.0.0.2", mac: "02:00:00:00:00:02" }],
  policies: [{ selector: { family: 4, from: "10.9.0.0/24" }, table: 5, routes: [{ destination: "10.8.0.0/16" }] }],
});

test("a new interface gets addresses, then neighbours, then routes, then policies", () => {
  assert.deepEqual(change(plan(), full), [
    'linkSet {"mtu":1400}',
    "sysctlSet net/ipv6/conf/nsm-1/disable_ipv6 0",
    "addrReplace 10.0.0.1/32",
    "addrReplace fd00::1/128 nodad",
    "neighReplace 10.0.0.2 02:00:00:00:00:02 permanent",
    "routeReplace 10.0.0.2/32",
    "routeReplace 0.0.0.0/0 via 10.0.0.2 onlink",
    "routeReplace 10.8.0.0/16 table 5",
    "ruleAdd 10.9.0.0/24 table 5",
  ]);
});

test("equal plans need no request", () => {
  assert.deepEqual(change(full, structuredClone(full)), []);
});

test("what is gone from the plan is removed, the rest is not touched", () => {
  assert.deepEqual(change(full, { ...full, routes: [{ destination: "10.0.0.2/32" }], neighbors: [], policies: [] }), [
    "ruleDelete 10.9.0.0/24 table 5",
    "routeDelete 10.8.0.0/16 table 5",
    "routeDelete 0.0.0.0/0 via 10.0.0.2 onlink",
    "neighDelete 10.0.0.2",
  ]);
});

test("a route whose gateway changes is replaced in place, so that no packet finds none", () => {
  const after = {
    ...full,
    routes: [full.routes[0], { destination: "0.0.0.0/0", gateway: "10.0.0.3" }],
  } as InterfacePlan;
  assert.deepEqual(change(full, after), ["routeReplace 0.0.0.0/0 via 10.0.0.3 onlink"]);
});

test("a new address comes before the old one goes, and routes are said again after it went", () => {
  const before = plan({ addresses: ["10.0.0.1/32"], routes: [{ destination: "10.0.0.2/32" }] });
  assert.deepEqual(change(before, { ...before, addresses: ["10.1.0.1/32"] }), [
    "addrReplace 10.1.0.1/32",
    "addrDelete 10.0.0.1/32",
    "routeReplace 10.0.0.2/32",
  ]);
});

test("an address that takes another's place in its network comes after it, with those that depended on it", () => {
  const before = plan({ addresses: ["10.0.0.1/24", "10.0.0.2/24"] });
  assert.deepEqual(change(before, plan({ addresses: ["10.0.0.2/24", "10.0.0.3/24"] })), [
    "addrDelete 10.0.0.1/24",
    "addrReplace 10.0.0.2/24",
    "addrReplace 10.0.0.3/24",
  ]);
});

test("an address whose prefix length changes goes before it comes again", () => {
  assert.deepEqual(change(plan({ addresses: ["fd00::1/64"] }), plan({ addresses: ["fd00::1/128"] })), [
    "addrDelete fd00::1/64",
    "sysctlSet net/ipv6/conf/nsm-1/disable_ipv6 0",
    "addrReplace fd00::1/128 nodad",
  ]);
});

test("a link on which IPv6 is off gets it when it gets a use for it, and keeps it afterwards", () => {
  const off = plan({ ipv6: false, addresses: ["10.0.0.1/32"] });
  const both = plan({ addresses: ["10.0.0.1/32", "fd00::1/128"] });
  assert.deepEqual(change(off, plan({ addresses: ["10.0.0.1/32"] })), ["sysctlSet net/ipv6/conf/nsm-1/disable_ipv6 0"]);
  assert.equal(change(off, both)[0], "sysctlSet net/ipv6/conf/nsm-1/disable_ipv6 0");
  assert.deepEqual(change(both, off), ["addrDelete fd00::1/128"]);
});

test("an MTU that is no longer asked for stays", () => {
  assert.deepEqual(change(plan({ mtu: 1400 }), plan()), []);
});

test("a policy that stays keeps its rule while its routes change", () => {
  const [policy] = full.policies;
  assert.ok(policy);
  const after = { ...full, policies: [{ ...policy, routes: [{ destination: "10.7.0.0/16" }] }] };
  assert.deepEqual(change(full, after), ["routeDelete 10.8.0.0/16 table 5", "routeReplace 10.7.0.0/16 table 5"]);
});

test("routes and rules carry our protocol number, so that others' are left alone", () => {
  for (const op of diff(plan(), full)) {
    if (op.op === "routeReplace") assert.equal(op.route.protocol, 78);
    if (op.op === "ruleAdd") assert.equal(op.rule.protocol, 78);
  }
  assert.deepEqual(ruleRemovals(full).map(short), ["ruleDelete 10.9.0.0/24 table 5"]);
});
