import { CodedError, isCodedError } from "@nsmkit/core";
import { addrReplace, type Op, sysctlSet } from "@nsmkit/netlink";
import type { Dependency, Descriptor } from "@nsmkit/scheduler";
import { allocationKey, parseAllocReference } from "../netalloc/reference.ts";
import type { Cidr } from "../network.ts";
import type { InterfaceMetadata, LinuxContext } from "./context.ts";
import { interfaceTitle } from "./interface-check.ts";
import { type AddressSource, hostNameAddressKey, parseAddressKey, vrfKey } from "./keys.ts";
import type { OpenNamespace } from "./namespaces.ts";

/** One address of one interface, derived from its declaration. */
export interface InterfaceAddress {
  /** Logical name. */
  readonly interface: string;
  /** As declared: with prefix length, or a reference. */
  readonly address: string;
  readonly source: AddressSource;
  /** Logical name of the VRF that the interface has to be in first, or "". */
  readonly vrf: string;
  readonly hostName: string;
}

/** Addresses of interfaces. `existing` ones are only waited for. */
export function createInterfaceAddressDescriptor(context: LinuxContext): Descriptor<InterfaceAddress> {
  return {
    name: "linux-interface-address",
    keySelector: { prefix: "linux/interface/", matches: (key) => parseAddressKey(key) !== undefined },
    dependencies: (_key, value) => dependencies(value),
    async create({ value }, options) {
      if (value.source === "existing") return;
      const { namespace, metadata } = locate(context, value.interface);
      const cidr = context.allocations.resolve(value.address, value.interface);
      const add = addrReplace({
        link: metadata.index,
        address: cidr.text,
        // Nobody else has the address of a declared interface; a second of waiting would show as lost packets.
        ...(cidr.version === 6 ? { nodad: true } : {}),
      });
      const [added] = await namespace.handle.batch([add], options);
      if (added.ok) return;
      if (cidr.version === 4) throw added.error;
      await enableIpv6(namespace, metadata, add, added.error, options);
    },
    async delete({ value }, options) {
      if (value.source === "existing") return;
      const metadata = context.interfaces().get(value.interface);
      const namespace = metadata && context.namespaces.byId(metadata.namespaceId);
      const cidr = context.allocations.tryResolve(value.address, value.interface);
      if (!metadata || !namespace || !cidr) return;
      await deleteAddress(namespace, metadata, cidr, options);
    },
  };
}

function dependencies(value: InterfaceAddress): Dependency[] {
  if (value.source === "existing") {
    return [
      {
        label: `address ${value.address} on ${value.hostName}`,
        key: hostNameAddressKey(value.hostName, value.address),
      },
    ];
  }
  const reference = parseAllocReference(value.address, value.interface);
  return [
    ...(reference ? [{ label: `allocation ${value.address}`, key: allocationKey(reference) }] : []),
    ...(value.vrf ? [{ label: `VRF ${value.vrf}`, key: vrfKey(value.interface, value.vrf) }] : []),
  ];
}

/** The link of a configured interface. */
export function locate(context: LinuxContext, name: string): { metadata: InterfaceMetadata; namespace: OpenNamespace } {
  const metadata = context.interfaces().get(name);
  const namespace = metadata && context.namespaces.byId(metadata.namespaceId);
  if (metadata && namespace) return { metadata, namespace };
  throw new CodedError("FAILED_PRECONDITION", `${interfaceTitle(name)} has no link now`, { retryable: true });
}

/** Containers often start with IPv6 switched off; a declared IPv6 address says that it is wanted. */
async function enableIpv6(
  { handle }: OpenNamespace,
  { hostName }: InterfaceMetadata,
  add: Op,
  error: CodedError,
  options: { signal: AbortSignal },
): Promise<void> {
  const path = (link: string): string => `net/ipv6/conf/${link}/disable_ipv6`;
  const [off] = await handle.batch([{ op: "sysctlGet", name: path(hostName) }], options);
  if (!off.ok) {
    throw new CodedError("UNSUPPORTED", `${hostName} cannot have an IPv6 address: this kernel has no IPv6`, {
      cause: error,
    });
  }
  if (off.value === "0") throw error;
  const results = await handle.batch([sysctlSet(path("lo"), "0"), sysctlSet(path(hostName), "0"), add], options);
  for (const result of results) if (!result.ok) throw result.error;
}

async function deleteAddress(
  { handle }: OpenNamespace,
  { index }: InterfaceMetadata,
  cidr: Cidr,
  options: { signal: AbortSignal },
): Promise<void> {
  try {
    await handle.addrDelete({ link: index, address: cidr.text }, options);
  } catch (error) {
    if (!isCodedError(error, "NOT_FOUND")) throw error;
  }
}
