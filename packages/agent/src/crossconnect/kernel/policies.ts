/** Policy routes of a connection context: a rule that selects packets of the client and a table of its own for them. */
import type { PolicyRoute } from "@nsmkit/api/networkservice";
import { type PolicyPlan, type PolicySelector, type PortSpan, selectorKey } from "./interface-plan.ts";
import { decimal, invalid } from "./invalid.ts";
import { type Prefix, parsePrefix } from "./prefix.ts";
import { planRoute } from "./routes.ts";
import { tableOf } from "./tables.ts";

/** Names of /etc/protocols that policies use in practice, beside the numbers that upstream takes. */
const ipProtocols: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["tcp", 6],
  ["udp", 17],
  ["ipv6-icmp", 58],
  ["icmpv6", 58],
  ["sctp", 132],
]);

/** Of one policy, for the reason that other lists have a bound. */
const mostRoutes = 100;

/** The kernel's rules know no port 65535 (fib_rule_port_range_valid() in include/net/fib_rules.h). */
const lastPort = 65_534;

/** @param own the client's addresses, `opposite` the endpoint's */
export function planPolicies(
  connectionId: string,
  asked: readonly PolicyRoute[],
  own: readonly Prefix[],
  opposite: readonly Prefix[],
): PolicyPlan[] {
  const policies = new Map<string, PolicyPlan>();
  for (const policy of asked) {
    const plan = planPolicy(connectionId, policy, own, opposite);
    const key = selectorKey(plan.selector);
    const routes = [...(policies.get(key)?.routes ?? []), ...plan.routes];
    policies.set(key, { ...plan, routes: [...new Map(routes.map((route) => [route.destination, route])).values()] });
  }
  return [...policies.values()];
}

function planPolicy(
  connectionId: string,
  policy: PolicyRoute,
  own: readonly Prefix[],
  opposite: readonly Prefix[],
): PolicyPlan {
  const field = (name: string): string => `context.ip_context.policies.${name}`;
  const from =
    policy.from === "" ? undefined : parsePrefix(policy.from, `connection ${connectionId}: ${field("from")}`);
  if (policy.routes.length > mostRoutes) {
    throw invalid(connectionId, field("routes"), `${policy.routes.length} entries`, `at most ${mostRoutes} fit`);
  }
  const routes = policy.routes.map((route) =>
    planRoute(connectionId, field("routes"), route.prefix, route.nextHop, opposite),
  );
  const family = from?.family ?? routes[0]?.family ?? own[0]?.family ?? 4;
  if (routes.some((route) => route.family !== family)) {
    throw invalid(connectionId, field("routes"), policy.from, "write routes of the same IP version as `from`");
  }
  if (routes.length === 0) {
    const all = family === 6 ? "::/0" : "0.0.0.0/0";
    routes.push(planRoute(connectionId, field("routes"), all, "", opposite));
  }
  const ipProto = policy.proto === "" ? undefined : protocolNumber(connectionId, field("proto"), policy.proto);
  const sourcePorts = parsePorts(connectionId, field("src_port"), policy.srcPort);
  const destinationPorts = parsePorts(connectionId, field("dst_port"), policy.dstPort);
  const selector: PolicySelector = {
    family,
    ...(from ? { from: from.network } : {}),
    ...(ipProto === undefined ? {} : { ipProto }),
    ...(sourcePorts ? { sourcePorts } : {}),
    ...(destinationPorts ? { destinationPorts } : {}),
  };
  return { selector, table: tableOf(connectionId, selector), routes: routes.map(({ plan }) => plan) };
}

function protocolNumber(connectionId: string, field: string, text: string): number {
  const number = ipProtocols.get(text.toLowerCase());
  if (number !== undefined) return number;
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 255) return Number(text);
  throw invalid(connectionId, field, text, `use ${[...ipProtocols.keys()].join(", ")} or a number from 1 to 255`);
}

function parsePorts(connectionId: string, field: string, text: string): PortSpan | undefined {
  if (text === "") return undefined;
  const [first = "", last = first, ...rest] = text.split("-");
  const from = decimal(connectionId, field, first, 1, lastPort);
  const to = decimal(connectionId, field, last, 1, lastPort);
  if (rest.length > 0 || from > to) {
    throw invalid(connectionId, field, text, "write a port like 80 or a range like 80-90");
  }
  return { from, to };
}
