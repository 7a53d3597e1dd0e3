import { create } from "@bufbuild/protobuf";
import { type Route, RouteSchema, Route_Scope as Scope } from "@nsmkit/api/linux";
import { keyOf, linuxRouteModel } from "@nsmkit/api/model";
import { type Route as KernelRoute, linkList, routeList } from "@nsmkit/netlink";
import type { CallOptions, RetrievedValue, RetrieveRequest } from "@nsmkit/scheduler";
import { networkOf } from "../netalloc/netalloc.ts";
import { isAllocReference } from "../netalloc/reference.ts";
import { isUnspecified } from "../network.ts";
import { type LinuxContext, linkId } from "./context.ts";
import type { OpenNamespace } from "./namespaces.ts";
import { metricOf, type RouteMetadata, routeProtocol } from "./route-metadata.ts";

type Retrieved = RetrievedValue<Route, RouteMetadata>;

/** Finds the routes that carry our protocol number, in all namespaces in use. */
export async function retrieveRoutes(
  context: LinuxContext,
  request: RetrieveRequest<Route, RouteMetadata>,
  options: CallOptions,
): Promise<Retrieved[]> {
  const found: Retrieved[] = [];
  for (const namespace of context.namespaces.all()) {
    const [routes, links] = await namespace.handle.batch([routeList({ protocol: routeProtocol }), linkList()], options);
    if (!routes.ok) throw routes.error;
    if (!links.ok) throw links.error;
    const names = new Map(links.value.map((link) => [link.index, link.name]));
    for (const route of routes.value) {
      if (route.type !== "unicast" || route.link === undefined) continue;
      const place = { namespaceId: namespace.id, index: route.link, table: route.table };
      const value = read(context, namespace, route, names.get(route.link) ?? String(route.link));
      if (value.known) found.push(correlated(context, value.route, request, place));
      else if (!isWantedElsewhere(context, value.route, request))
        found.push({ key: keyOf(linuxRouteModel, value.route), value: value.route, metadata: place, origin: "NB" });
    }
  }
  return found;
}

function read(
  context: LinuxContext,
  namespace: OpenNamespace,
  route: KernelRoute,
  hostName: string,
): { route: Route; known: boolean } {
  const [name] = context.interfaces().lookup("link", linkId(namespace.id, route.link ?? 0));
  const any = route.family === 4 ? "0.0.0.0/0" : "::/0";
  const value = create(RouteSchema, {
    outgoingInterface: name ?? hostName,
    dstNetwork: route.destination === "default" ? any : route.destination,
    gwAddr: route.gateway ?? "",
    metric: route.metric,
    scope: route.family === 4 ? (scopes[route.scope] ?? Scope.UNDEFINED) : Scope.UNDEFINED,
  });
  return { route: value, known: name !== undefined };
}

const scopes: Readonly<Record<string, Scope>> = {
  global: Scope.GLOBAL,
  site: Scope.SITE,
  link: Scope.LINK,
  host: Scope.HOST,
};

/** The same route under the key and in the words of its declaration, which may use references. */
function correlated(
  context: LinuxContext,
  route: Route,
  { correlate }: RetrieveRequest<Route, RouteMetadata>,
  place: RouteMetadata,
): Retrieved {
  const match = correlate.find(
    ({ value }) =>
      value.outgoingInterface === route.outgoingInterface &&
      networkText(context, value) === route.dstNetwork &&
      metricOf(value) === metricOf(route),
  );
  if (!match) return { key: keyOf(linuxRouteModel, route), value: route, metadata: place, origin: "NB" };
  const gateway = isAllocReference(match.value.gwAddr)
    ? context.allocations.tryResolve(match.value.gwAddr, match.value.outgoingInterface)?.address
    : match.value.gwAddr;
  const value = create(RouteSchema, {
    ...route,
    dstNetwork: match.value.dstNetwork,
    metric: match.value.metric,
    scope: route.scope === Scope.UNDEFINED ? match.value.scope : route.scope,
    gwAddr:
      gateway === route.gwAddr || (isUnspecified(gateway ?? "") && route.gwAddr === "")
        ? match.value.gwAddr
        : route.gwAddr,
  });
  return { key: match.key, value, metadata: place, origin: "NB" };
}

/**
 * A route of ours whose interface is not configured: after a restart it may wait for the mesh to bring the interface
 * back. Until then the route is left to work.
 */
function isWantedElsewhere(
  context: LinuxContext,
  route: Route,
  { correlate }: RetrieveRequest<Route, RouteMetadata>,
): boolean {
  return correlate.some(
    ({ value }) =>
      context.interfaces().get(value.outgoingInterface) === undefined &&
      networkText(context, value) === route.dstNetwork &&
      metricOf(value) === metricOf(route),
  );
}

function networkText(context: LinuxContext, value: Route): string {
  const cidr = context.allocations.tryResolve(value.dstNetwork, "");
  return cidr ? networkOf(cidr) : value.dstNetwork;
}
