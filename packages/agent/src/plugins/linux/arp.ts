import { create } from "@bufbuild/protobuf";
import { type ARPEntry, ARPEntrySchema, Interface_Type as Type } from "@nsmkit/api/linux";
import { keyOf, linuxArpModel } from "@nsmkit/api/model";
import { isCodedError } from "@nsmkit/core";
import { type Dependency, type Descriptor, keyPrefix, type RetrievedValue } from "@nsmkit/scheduler";
import { FieldChecks } from "../field-checks.ts";
import { netallocDescriptorName } from "../netalloc/netalloc.ts";
import { allocationKey, isAllocReference, parseAllocReference } from "../netalloc/reference.ts";
import { canonicalAddress } from "../network.ts";
import { interfaceDescriptorName, type LinuxContext, linkId } from "./context.ts";
import { locate } from "./interface-address.ts";
import { addressPrefix, stateKey } from "./keys.ts";

const plainMac = (mac: string): string => mac.toLowerCase().replaceAll("-", ":");

/** Permanent neighbour entries, of IPv4 and IPv6. */
export function createArpDescriptor(context: LinuxContext): Descriptor<ARPEntry> {
  const replace = async (value: ARPEntry, options: { signal: AbortSignal }): Promise<undefined> => {
    const { namespace, metadata } = locate(context, value.interface);
    const { address } = context.allocations.resolve(value.ipAddress, value.interface);
    await namespace.handle.neighReplace({ link: metadata.index, address, mac: plainMac(value.hwAddress) }, options);
    return undefined;
  };
  return {
    name: "linux-arp",
    keySelector: keyPrefix(linuxArpModel.keyPrefix),
    nbKeyPrefix: linuxArpModel.keyPrefix,
    keyLabel: (key) => key.slice(linuxArpModel.keyPrefix.length),
    retrieveDependencies: [netallocDescriptorName, interfaceDescriptorName],
    validate: (_key, value) => check(value),
    equal: (old, wanted) =>
      old.interface === wanted.interface &&
      old.ipAddress === wanted.ipAddress &&
      plainMac(old.hwAddress) === plainMac(wanted.hwAddress),
    dependencies: (_key, value) => dependencies(value),
    create: ({ value }, options) => replace(value, options),
    update: ({ newValue }, options) => replace(newValue, options),
    async delete({ value }, options) {
      const metadata = context.interfaces().get(value.interface);
      const namespace = metadata && context.namespaces.byId(metadata.namespaceId);
      const cidr = context.allocations.tryResolve(value.ipAddress, value.interface);
      if (!metadata || !namespace || !cidr) return;
      try {
        await namespace.handle.neighDelete({ link: metadata.index, address: cidr.address }, options);
      } catch (error) {
        if (!isCodedError(error, "NOT_FOUND")) throw error;
      }
    },
    async retrieve({ correlate }, options) {
      const found: RetrievedValue<ARPEntry>[] = [];
      for (const namespace of context.namespaces.all()) {
        for (const neigh of await namespace.handle.neighList({}, options)) {
          const [name] = context.interfaces().lookup("link", linkId(namespace.id, neigh.link));
          if (neigh.state !== "permanent" || name === undefined || neigh.mac === undefined) continue;
          const declared = correlate.find(
            ({ value }) =>
              value.interface === name &&
              context.allocations.tryResolve(value.ipAddress, name)?.address === neigh.address,
          );
          // Neighbours carry no mark: only on links that are wholly ours does what nobody declares count as ours too.
          if (!declared && context.desired(name)?.type !== Type.VETH) continue;
          const ipAddress = declared?.value.ipAddress ?? neigh.address;
          const value = create(ARPEntrySchema, { interface: name, ipAddress, hwAddress: neigh.mac });
          found.push({ key: declared?.key ?? keyOf(linuxArpModel, value), value, origin: "NB" });
        }
      }
      return found;
    },
  };
}

function check(value: ARPEntry): void {
  const checks = new FieldChecks(`linux.l3 arp "${value.interface}/${value.ipAddress}"`);
  checks.required("interface", value.interface, "name the interface behind which the neighbour is");
  if (isAllocReference(value.ipAddress)) checks.allocReference("ip_address", value.ipAddress, value.interface);
  else if (canonicalAddress(value.ipAddress) === undefined)
    checks.wrong(
      "ip_address",
      `is ${JSON.stringify(value.ipAddress)}, must be an address such as 10.0.0.1, without length`,
    );
  checks.required("hw_address", value.hwAddress, "write the neighbour's MAC address");
  checks.mac("hw_address", value.hwAddress);
  checks.throwIfAny();
}

function dependencies(value: ARPEntry): Dependency[] {
  const reference = parseAllocReference(value.ipAddress, value.interface);
  return [
    { label: `interface ${value.interface} is up`, key: stateKey(value.interface, true) },
    { label: `interface ${value.interface} has an address`, anyOf: { keyPrefixes: [addressPrefix(value.interface)] } },
    ...(reference ? [{ label: `allocation ${value.ipAddress}`, key: allocationKey(reference) }] : []),
  ];
}
