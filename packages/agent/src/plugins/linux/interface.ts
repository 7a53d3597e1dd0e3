import { type Interface, Interface_Type as Type } from "@nsmkit/api/linux";
import { linuxInterfaceModel } from "@nsmkit/api/model";
import { CodedError, mustExist } from "@nsmkit/core";
import { type Link, linkGet, linkSet } from "@nsmkit/netlink";
import { type CallOptions, type Descriptor, type KeyValue, keyPrefix } from "@nsmkit/scheduler";
import { netallocDescriptorName } from "../netalloc/netalloc.ts";
import { isAllocReference } from "../netalloc/reference.ts";
import { type InterfaceMetadata, interfaceDescriptorName, type LinuxContext, linkId } from "./context.ts";
import type { InterfaceAddress } from "./interface-address.ts";
import { checkInterface, hostNameOf } from "./interface-check.ts";
import { sameInterface } from "./interface-equal.ts";
import { metadataOf } from "./interface-metadata.ts";
import { retrieveInterfaces } from "./interface-retrieve.ts";
import { reportState } from "./interface-state.ts";
import { type AddressSource, addressKey, vrfKey } from "./keys.ts";
import { type LinkKinds, peerNameOf, settingsOf, tableOf } from "./links/index.ts";
import { namespaceDependencies } from "./namespace-check.ts";
import { type OpenNamespace, sameNamespace } from "./namespaces.ts";

/** Interfaces by logical name: links of all types, with their settings. Addresses and VRF are values derived from them. */
export function createInterfaceDescriptor(
  context: LinuxContext,
  kinds: LinkKinds,
): Descriptor<Interface, InterfaceMetadata> {
  return {
    name: interfaceDescriptorName,
    keySelector: keyPrefix(linuxInterfaceModel.keyPrefix),
    nbKeyPrefix: linuxInterfaceModel.keyPrefix,
    keyLabel: (key) => key.slice(linuxInterfaceModel.keyPrefix.length),
    withMetadata: true,
    metadataFields: (_label, { namespaceId, index }) => ({ link: [linkId(namespaceId, index)] }),
    retrieveDependencies: [netallocDescriptorName],
    validate: (_key, value) => checkInterface(value, context.vppTaps !== undefined),
    equal: sameInterface,
    dependencies: (_key, value) => [...namespaceDependencies(value.namespace), ...kinds(value).dependencies(value)],
    claims: (_key, value) => [linkClaim(value)],
    derivedValues: (_key, value) => derivedValues(value),
    updateWithRecreate: ({ oldValue, newValue }) => !sameLink(oldValue, newValue),

    async create({ key, value }, options) {
      const namespace = await context.namespaces.hold(value.namespace, key, options);
      try {
        const link = await kinds(value).create(value, namespace, options);
        const settled = await settle(value, namespace, link, options);
        reportState(context, value.name, settled.up);
        context.states.is(value.name, namespace.id, settled);
        return metadataOf(value, namespace, settled);
      } catch (error) {
        context.namespaces.release(key);
        throw error;
      }
    },

    async update({ key, newValue, metadata }, options) {
      const namespace = await context.namespaces.hold(newValue.namespace, key, options);
      const link = await namespace.handle.linkGet(mustExist(metadata, "interface metadata").index, options);
      const settled = await settle(newValue, namespace, link, options);
      reportState(context, newValue.name, settled.up);
      context.states.is(newValue.name, namespace.id, settled);
      return metadataOf(newValue, namespace, settled);
    },

    async delete({ key, value }, options) {
      const namespace = await holdIfThere(key, value, options);
      reportState(context, value.name, undefined);
      if (namespace) await kinds(value).delete(value, namespace, options);
      context.states.gone(value.name);
      context.namespaces.release(key);
    },

    retrieve: (request, options) => retrieveInterfaces(context, request, options),
  };

  async function settle(value: Interface, namespace: OpenNamespace, link: Link, options: CallOptions): Promise<Link> {
    const changes = settingsOf(kinds(value), value, link);
    if (!changes) return link;
    const [set, read] = await namespace.handle.batch([linkSet(link.index, changes), linkGet(link.index)], options);
    if (!set.ok) throw set.error;
    if (!read.ok) throw read.error;
    return read.value;
  }

  /** A namespace that is gone took the link with it. */
  async function holdIfThere(key: string, value: Interface, options: CallOptions): Promise<OpenNamespace | undefined> {
    try {
      return await context.namespaces.hold(value.namespace, key, { ...options, create: false });
    } catch (error) {
      if (error instanceof CodedError && ["NOT_FOUND", "FAILED_PRECONDITION"].includes(error.code)) return undefined;
      throw error;
    }
  }
}

/** Whether a change of the declaration can be made on the same link. */
function sameLink(a: Interface, b: Interface): boolean {
  return (
    a.type === b.type &&
    hostNameOf(a) === hostNameOf(b) &&
    sameNamespace(a.namespace, b.namespace) &&
    peerNameOf(a) === peerNameOf(b) &&
    tableOf(a) === tableOf(b) &&
    (a.link.case !== "tap" || (b.link.case === "tap" && a.link.value.vppTapIfName === b.link.value.vppTapIfName))
  );
}

/** Two declarations that mean the same link of the same namespace. */
export function linkClaim(value: Interface): string {
  const { namespace } = value;
  return `linux/link/${namespace ? `${namespace.type}:${namespace.reference}` : ""}/${hostNameOf(value)}`;
}

function derivedValues(value: Interface): KeyValue[] {
  const derived: KeyValue[] = [];
  const vrf = value.vrfMasterInterface;
  if (vrf !== "") derived.push({ key: vrfKey(value.name, vrf), value: { interface: value.name, vrf } });
  if (value.linkOnly && value.type !== Type.EXISTING) return derived;
  for (const address of value.ipAddresses) {
    const source = sourceOf(value, address);
    const content: InterfaceAddress = { interface: value.name, address, source, vrf, hostName: hostNameOf(value) };
    derived.push({ key: addressKey(value.name, source, address), value: content });
  }
  return derived;
}

function sourceOf(value: Interface, address: string): AddressSource {
  if (value.linkOnly) return "existing";
  return isAllocReference(address) ? "alloc_ref" : "static";
}
