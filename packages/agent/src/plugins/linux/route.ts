import { type Route, Route_Scope as Scope } from "@nsmkit/api/linux";
import { linuxRouteModel } from "@nsmkit/api/model";
import { isCodedError } from "@nsmkit/core";
import type { AddrScope, NewRoute } from "@nsmkit/netlink";
import { type Dependency, type Descriptor, type KeyValue, keyPrefix } from "@nsmkit/scheduler";
import { FieldChecks } from "../field-checks.ts";
import { netallocDescriptorName, networkOf } from "../netalloc/netalloc.ts";
import { allocationKey, isAllocReference, neighbourGatewayKey, parseAllocReference } from "../netalloc/reference.ts";
import { canonicalAddress, covers, isDefault, isUnspecified, parseCidr, parseCidrOrAddress } from "../network.ts";
import { interfaceDescriptorName, type LinuxContext } from "./context.ts";
import { locate } from "./interface-address.ts";
import {
  addressKey,
  addressPrefix,
  linkLocalRouteKey,
  linkLocalRoutePrefix,
  parseAddressKey,
  stateKey,
} from "./keys.ts";
import { metricOf, type RouteMetadata, routeProtocol } from "./route-metadata.ts";
import { retrieveRoutes } from "./route-retrieve.ts";

/** Routes of the kernel, in the namespace and VRF of their interface. */
export function createRouteDescriptor(context: LinuxContext): Descriptor<Route, RouteMetadata> {
  return {
    name: "linux-route",
    keySelector: keyPrefix(linuxRouteModel.keyPrefix),
    nbKeyPrefix: linuxRouteModel.keyPrefix,
    keyLabel: (key) => key.slice(linuxRouteModel.keyPrefix.length),
    withMetadata: true,
    retrieveDependencies: [netallocDescriptorName, interfaceDescriptorName],
    validate: (_key, value) => check(value),
    equal: (old, wanted) => sameRoute(context, old, wanted),
    dependencies: (_key, value) => dependencies(value),
    derivedValues: (_key, value) => derived(value),
    updateWithRecreate: ({ oldValue, newValue }) =>
      metricOf(oldValue) !== metricOf(newValue) || oldValue.dstNetwork !== newValue.dstNetwork,
    create: async ({ value }, options) => {
      await replace(value, options);
      return undefined;
    },
    update: async ({ newValue }, options) => {
      await replace(newValue, options);
      return undefined;
    },
    async delete({ value, metadata }, options) {
      const place = placeOf(value) ?? metadata;
      const namespace = place && context.namespaces.byId(place.namespaceId);
      const destination = context.allocations.tryResolve(value.dstNetwork, "");
      if (!place || !namespace || !destination) return;
      try {
        await namespace.handle.routeDelete(
          {
            destination: isDefault(destination) ? "default" : networkOf(destination),
            family: destination.version,
            link: place.index,
            table: place.table,
            protocol: routeProtocol,
            ...(value.metric ? { metric: value.metric } : {}),
          },
          options,
        );
      } catch (error) {
        if (!isCodedError(error, "NOT_FOUND")) throw error;
      }
    },
    retrieve: (request, options) => retrieveRoutes(context, request, options),
  };

  async function replace(value: Route, options: { signal: AbortSignal }): Promise<void> {
    const { namespace } = locate(context, value.outgoingInterface);
    await namespace.handle.routeReplace(kernelRoute(context, value), options);
  }

  function placeOf(value: Route): RouteMetadata | undefined {
    const metadata = context.interfaces().get(value.outgoingInterface);
    return metadata && { ...metadata, table: tableOf(context, value.outgoingInterface) };
  }
}

/** The routing table of an interface: that of its VRF device, else the main one. */
export function tableOf(context: LinuxContext, name: string): number {
  const vrf = context.interfaces().get(name)?.vrf;
  return (vrf === undefined ? undefined : context.interfaces().get(vrf)?.table) ?? 254;
}

const kernelScopes: Partial<Record<Scope, AddrScope>> = {
  [Scope.GLOBAL]: "global",
  [Scope.SITE]: "site",
  [Scope.LINK]: "link",
  [Scope.HOST]: "host",
};

function kernelRoute(context: LinuxContext, value: Route): NewRoute {
  const { metadata } = locate(context, value.outgoingInterface);
  const destination = context.allocations.resolve(value.dstNetwork, "");
  const gateway = isUnspecified(value.gwAddr)
    ? undefined
    : context.allocations.resolve(value.gwAddr, value.outgoingInterface).address;
  // The kernel has scopes for IPv4 only, and refuses a gateway that is not nearer than the destination.
  const scope = destination.version === 4 ? kernelScopes[value.scope] : undefined;
  return {
    destination: isDefault(destination) ? "default" : networkOf(destination),
    family: destination.version,
    link: metadata.index,
    table: tableOf(context, value.outgoingInterface),
    protocol: routeProtocol,
    ...(gateway ? { gateway } : {}),
    ...(scope ? { scope } : {}),
    ...(value.metric ? { metric: value.metric } : {}),
  };
}

function sameRoute(context: LinuxContext, old: Route, wanted: Route): boolean {
  const gateway = (value: Route): string =>
    isUnspecified(value.gwAddr)
      ? ""
      : (context.allocations.tryResolve(value.gwAddr, value.outgoingInterface)?.address ?? value.gwAddr);
  const network = (value: Route): string => {
    const cidr = context.allocations.tryResolve(value.dstNetwork, "");
    return cidr ? networkOf(cidr) : value.dstNetwork;
  };
  const v4 = !network(wanted).includes(":");
  return (
    old.outgoingInterface === wanted.outgoingInterface &&
    (!v4 || scopeOf(old) === scopeOf(wanted)) &&
    metricOf(old) === metricOf(wanted) &&
    network(old) === network(wanted) &&
    gateway(old) === gateway(wanted)
  );
}

/** What the kernel takes when no scope is given, as iproute2 does it. */
function scopeOf(value: Route): Scope {
  if (value.scope !== Scope.UNDEFINED) return value.scope;
  return isUnspecified(value.gwAddr) ? Scope.LINK : Scope.GLOBAL;
}

function check(value: Route): void {
  const checks = new FieldChecks(`linux.l3 route "${value.dstNetwork} via ${value.outgoingInterface}"`);
  checks.required("outgoing_interface", value.outgoingInterface, "name the interface that the route leads through");
  const destination = isAllocReference(value.dstNetwork) ? undefined : parseCidr(value.dstNetwork);
  if (isAllocReference(value.dstNetwork)) checks.allocReference("dst_network", value.dstNetwork, "");
  else if (!destination)
    checks.wrong(
      "dst_network",
      `is ${JSON.stringify(value.dstNetwork)}, must be a network such as 10.0.0.0/8 (0.0.0.0/0 for the default route)`,
    );
  if (isAllocReference(value.gwAddr)) {
    checks.allocReference("gw_addr", value.gwAddr, value.outgoingInterface);
    if (!value.gwAddr.endsWith("/GW")) checks.wrong("gw_addr", `is ${JSON.stringify(value.gwAddr)}, must end in /GW`);
  } else if (value.gwAddr !== "") {
    const gateway = canonicalAddress(value.gwAddr);
    if (gateway === undefined)
      checks.wrong(
        "gw_addr",
        `is ${JSON.stringify(value.gwAddr)}, must be an address such as 10.0.0.1, without length`,
      );
    else if (destination && parseCidrOrAddress(gateway)?.version !== destination.version && !isUnspecified(gateway))
      checks.wrong(
        "gw_addr",
        `is ${JSON.stringify(value.gwAddr)}, which is of another family than dst_network ${value.dstNetwork}`,
      );
  }
  if (value.scope === Scope.LINK && !isUnspecified(value.gwAddr))
    checks.wrong("scope", "is LINK, which does not go with a gw_addr; write GLOBAL or leave gw_addr out");
  checks.throwIfAny();
}

function dependencies(value: Route): Dependency[] {
  const name = value.outgoingInterface;
  const prefixes = [addressPrefix(name)];
  const deps: Dependency[] = [
    { label: `interface ${name} is up`, key: stateKey(name, true) },
    { label: `interface ${name} has an address`, anyOf: { keyPrefixes: prefixes } },
  ];
  const destination = parseAllocReference(value.dstNetwork, "");
  if (destination) deps.push({ label: `allocation ${value.dstNetwork}`, key: allocationKey(destination) });
  const gateway = parseAllocReference(value.gwAddr, name);
  if (gateway) {
    deps.push(
      { label: `allocation ${value.gwAddr}`, key: allocationKey(gateway) },
      {
        label: `gateway ${value.gwAddr} is reachable`,
        anyOf: {
          keyPrefixes: [
            neighbourGatewayKey(gateway.network, gateway.interface),
            linkLocalRouteKey(name, `alloc:${gateway.network}/${gateway.interface}/GW`),
          ],
        },
      },
      {
        label: `address of ${gateway.network} on ${name}`,
        anyOf: ofNetwork(addressKey(name, "alloc_ref", `alloc:${gateway.network}`)),
      },
    );
  } else if (!isUnspecified(value.gwAddr)) {
    deps.push({
      label: `gateway ${value.gwAddr} is reachable`,
      anyOf: {
        keyPrefixes: [...prefixes, linkLocalRoutePrefix(name)],
        keySelector: (key) => reaches(key, name, value.gwAddr),
      },
    });
  }
  return deps;
}

/** Addresses that refer to a network, by whatever interface they name; not those of networks whose names begin alike. */
function ofNetwork(key: string): NonNullable<Dependency["anyOf"]> {
  return { keyPrefixes: [key], keySelector: (other) => other === key || other.startsWith(`${key}/`) };
}

/** Whether the value with this key makes an address reachable through an interface. */
function reaches(key: string, name: string, address: string): boolean {
  const prefix = linkLocalRoutePrefix(name);
  const text = key.startsWith(prefix) ? key.slice(prefix.length) : parseAddressKey(key)?.address;
  // What a reference stands for cannot be told from the key; the route then names its gateway by reference too.
  const cidr = text === undefined ? undefined : parseCidrOrAddress(text);
  return cidr !== undefined && !isDefault(cidr) && covers(cidr, address);
}

function derived(value: Route): KeyValue[] {
  if (value.scope !== Scope.LINK) return [];
  return [{ key: linkLocalRouteKey(value.outgoingInterface, value.dstNetwork), value: {} }];
}
