import { type Addr, addrList, type Link, linkList, type Netlink, type Route, routeList } from "@nsmkit/netlink";
import type { Sandbox } from "./sandbox.ts";
import type { InterfaceStatus } from "./status-types.ts";

/** The mark that nsm-forwarder leaves on a link: `nsmkit/<forwarder>/<connection id>/<client|server>`. */
export interface ForwarderMark {
  readonly connectionId: string;
  readonly side: "client" | "server";
}

export interface MarkedInterface extends InterfaceStatus {
  readonly mark?: ForwarderMark;
}

export interface NetworkView {
  readonly interfaces: readonly MarkedInterface[];
  /** As iproute2 prints them, without those that the kernel makes for addresses. */
  readonly routes: readonly string[];
}

/** What the kernel says of several sandboxes, in one round trip. */
export async function readNetworks(netlink: Netlink, sandboxes: readonly Sandbox[]): Promise<NetworkView[]> {
  const results = await netlink.execute(
    sandboxes.map(({ netns }) => ({ netns, ops: [linkList(), addrList(), routeList({ table: 254 })] })),
    { onError: "continue" },
  );
  return results.map(([links, addrs, routes]) =>
    viewOf(
      links?.ok ? (links.value as readonly Link[]) : [],
      addrs?.ok ? (addrs.value as readonly Addr[]) : [],
      routes?.ok ? (routes.value as readonly Route[]) : [],
    ),
  );
}

/** RTPROT_KERNEL */
const kernelProtocol = 2;

export function viewOf(links: readonly Link[], addrs: readonly Addr[], routes: readonly Route[]): NetworkView {
  const names = new Map(links.map((link) => [link.index, link.name]));
  const interfaces = links
    .filter((link) => !link.loopback)
    .map((link): MarkedInterface => {
      const mark = markOf(link.alias);
      return {
        name: link.name,
        ...(link.kind === undefined ? {} : { kind: link.kind }),
        up: link.up,
        ...(link.mac === undefined ? {} : { mac: link.mac }),
        mtu: link.mtu,
        addresses: addrs
          .filter((addr) => addr.link === link.index && addr.scope !== "link")
          .map((addr) => addr.address),
        ...(link.master === undefined ? {} : { master: names.get(link.master) ?? `${link.master}` }),
        ...(mark ? { mark } : {}),
      };
    });
  const told = routes
    .filter((route) => route.protocol !== kernelProtocol && route.type === "unicast")
    .map((route) => {
      const via = route.gateway === undefined ? "" : ` via ${route.gateway}`;
      const dev = route.link === undefined ? "" : ` dev ${names.get(route.link) ?? route.link}`;
      return `${route.destination}${via}${dev}`;
    });
  return { interfaces, routes: told };
}

function markOf(alias: string | undefined): ForwarderMark | undefined {
  const [product, , connectionId, side] = alias?.split("/") ?? [];
  if (product !== "nsmkit" || !connectionId) return undefined;
  return side === "client" || side === "server" ? { connectionId, side } : undefined;
}
