import { type ARPEntry, type Interface, type Route, Interface_Type as Type } from "@nsmkit/api/linux";
import { linuxArpModel, linuxInterfaceModel, linuxRouteModel } from "@nsmkit/api/model";
import {
  type Addr,
  addrList,
  type Route as KernelRoute,
  type Link,
  linkList,
  type Neigh,
  neighList,
  routeList,
} from "@nsmkit/netlink";
import type { CallOptions, ValueStatus } from "@nsmkit/scheduler";
import type { Item } from "../../../northbound/item.ts";
import { networkOf } from "../../netalloc/netalloc.ts";
import { isDefault } from "../../network.ts";
import type { InterfaceMetadata, LinuxContext } from "../context.ts";
import { parseAddressKey } from "../keys.ts";
import { metricOf, routeProtocol } from "../route-metadata.ts";

/** One namespace as the kernel has it. */
interface Scene {
  readonly links: ReadonlyMap<number, Link>;
  /** "3 10.0.0.1/24" */
  readonly addresses: ReadonlySet<string>;
  readonly routes: ReadonlyMap<string, readonly KernelRoute[]>;
  readonly neighbours: ReadonlySet<string>;
}

/** Keys of values that count as in place and are not: links, addresses, routes and neighbours that somebody else removed. */
export async function missingKeys(
  context: LinuxContext,
  declared: Iterable<Item>,
  options: CallOptions,
): Promise<string[]> {
  const scenes = new Map<string, Scene>();
  for (const namespace of context.namespaces.all()) {
    const [links, addresses, routes, neighbours] = await namespace.handle.batch(
      [linkList(), addrList(), routeList({ protocol: routeProtocol }), neighList()],
      { ...options, onError: "continue" },
    );
    // A namespace that cannot be read tells nothing.
    if (links.ok && addresses.ok && routes.ok && neighbours.ok)
      scenes.set(namespace.id, sceneOf(links.value, addresses.value, routes.value, neighbours.value));
  }
  const missing: string[] = [];
  for (const { key, model, value } of declared) {
    const look = (name: string, isThere: (scene: Scene, metadata: InterfaceMetadata) => boolean): void => {
      const metadata = context.interfaces().get(name);
      const scene = metadata && scenes.get(metadata.namespaceId);
      if (!metadata || !scene || !isInPlace(context.scheduler().status(key).value)) return;
      if (!isThere(scene, metadata)) missing.push(key);
    };
    if (model === linuxInterfaceModel) {
      const link = value as Interface;
      look(link.name, (scene, { index }) => scene.links.has(index));
      missing.push(...missingAddresses(context, link, key, scenes));
    } else if (model === linuxRouteModel) {
      const route = value as Route;
      look(route.outgoingInterface, (scene, metadata) => hasRoute(context, scene, metadata, route));
    } else if (model === linuxArpModel) {
      const entry = value as ARPEntry;
      const address = context.allocations.tryResolve(entry.ipAddress, entry.interface)?.address;
      look(entry.interface, (scene, { index }) => address === undefined || scene.neighbours.has(`${index} ${address}`));
    }
  }
  return missing;
}

function sceneOf(
  links: readonly Link[],
  addresses: readonly Addr[],
  routes: readonly KernelRoute[],
  neighbours: readonly Neigh[],
): Scene {
  return {
    links: new Map(links.map((link) => [link.index, link])),
    addresses: new Set(addresses.map(({ link, address }) => `${link} ${address}`)),
    routes: Map.groupBy(routes, ({ destination, table }) => `${destination} ${table}`),
    neighbours: new Set(
      neighbours.filter(({ state }) => state === "permanent").map(({ link, address }) => `${link} ${address}`),
    ),
  };
}

/** Nothing is being done about it just now, either. */
function isInPlace({ state, details }: ValueStatus): boolean {
  return state === "CONFIGURED" && details === undefined;
}

function missingAddresses(
  context: LinuxContext,
  value: Interface,
  key: string,
  scenes: ReadonlyMap<string, Scene>,
): string[] {
  const metadata = context.interfaces().get(value.name);
  const scene = metadata && scenes.get(metadata.namespaceId);
  const link = metadata && scene?.links.get(metadata.index);
  if (!metadata || !scene || !link) return [];
  // Addresses of links that others make may be theirs, and the link is followed by itself.
  if (value.type === Type.EXISTING && value.linkOnly) return [];
  return (context.scheduler().status(key).derived_values ?? []).filter(isInPlace).flatMap((status) => {
    const parsed = parseAddressKey(status.key);
    if (!parsed || parsed.source === "existing") return [];
    const text = context.allocations.tryResolve(parsed.address, value.name)?.text;
    // The kernel takes IPv6 addresses away with the link; they are back when it is up again.
    if (!link.up && text?.includes(":")) return [];
    return text === undefined || scene.addresses.has(`${metadata.index} ${text}`) ? [] : [status.key];
  });
}

function hasRoute(context: LinuxContext, scene: Scene, { index, vrf }: InterfaceMetadata, route: Route): boolean {
  const cidr = context.allocations.tryResolve(route.dstNetwork, "");
  if (!cidr) return true;
  const table = (vrf === undefined ? undefined : context.interfaces().get(vrf)?.table) ?? 254;
  const found = scene.routes.get(`${isDefault(cidr) ? "default" : networkOf(cidr)} ${table}`) ?? [];
  return found.some(
    (one) =>
      one.family === cidr.version &&
      (one.link === index || (one.multipath?.some((hop) => hop.link === index) ?? false)) &&
      (metricOf(route) === 0 || one.metric === metricOf(route)),
  );
}
