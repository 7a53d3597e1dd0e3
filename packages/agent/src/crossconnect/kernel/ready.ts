/** Waiting for what the kernel finishes in the background after it has said yes. */
import { type Clock, systemClock } from "@nsmkit/core";
import { type Link, linkGet, type Netlink, type Op, type OpResult, type Route, routeList } from "@nsmkit/netlink";
import { familyOf } from "./prefix.ts";
import type { LocalEnd } from "./wiring.ts";

/** RT_TABLE_LOCAL (linux/rtnetlink.h). */
const localTable = 255;
const firstPauseMs = 0.5;
const longestWaitMs = 1000;

/** Asks about the ends that are not ready until all are. @returns those that were not in time; they will be soon */
async function wait(
  netlink: Netlink,
  ends: readonly LocalEnd[],
  ask: (end: LocalEnd) => Op,
  isReady: (end: LocalEnd, answer: OpResult | undefined) => boolean,
  clock: Clock,
): Promise<readonly LocalEnd[]> {
  let waiting = ends;
  const untilMs = clock.monotonic() + longestWaitMs;
  for (let pauseMs = firstPauseMs; waiting.length > 0; pauseMs *= 2) {
    const results = await netlink.execute(
      waiting.map((end) => ({ netns: end.netns, ops: [ask(end)] })),
      { onError: "continue" },
    );
    waiting = waiting.filter((end, i) => !isReady(end, results[i]?.[0]));
    if (waiting.length === 0 || clock.monotonic() > untilMs) break;
    await clock.sleep(pauseMs);
  }
  return waiting;
}

/**
 * Whether a link takes packets: with its carrier the kernel gives it a queue, in the background (linkwatch_do_dev() in
 * net/core/link_watch.c), and drops what is sent before. Kinds that know no carrier say "unknown".
 */
export const takesPackets = ({ operState }: Link): boolean => operState === "up" || operState === "unknown";

export const linksReady = (
  netlink: Netlink,
  ends: readonly LocalEnd[],
  clock: Clock = systemClock,
): Promise<readonly LocalEnd[]> =>
  wait(
    netlink,
    ends,
    ({ plan }) => linkGet(plan.name),
    (_, answer) => !answer?.ok || takesPackets(answer.value as Link),
    clock,
  );

/**
 * Whether IPv6 addresses answer. Also without duplicate address detection the kernel finishes them in the background
 * (addrconf_dad_work() in net/ipv6/addrconf.c): an address is listed at once, but packets to it arrive only when its
 * local route stands.
 */
export const addressesReady = (
  netlink: Netlink,
  ends: readonly LocalEnd[],
  clock: Clock = systemClock,
): Promise<readonly LocalEnd[]> =>
  wait(
    netlink,
    ends.filter((end) => ipv6Of(end).length > 0),
    ({ plan }) => routeList({ family: 6, table: localTable, link: plan.name }),
    (end, answer) => {
      const routes = answer?.ok ? (answer.value as readonly Route[]) : [];
      const local = new Set(routes.map(({ destination }) => destination));
      return ipv6Of(end).every((address) => local.has(`${address}/128`));
    },
    clock,
  );

const ipv6Of = ({ plan }: LocalEnd): string[] =>
  plan.addresses.filter((cidr) => familyOf(cidr) === 6).map((cidr) => cidr.slice(0, cidr.indexOf("/")));
