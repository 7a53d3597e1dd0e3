import { create } from "@bufbuild/protobuf";
import {
  type Interface,
  InterfaceSchema,
  type NetNamespace,
  NetNamespace_ReferenceType,
  NetNamespaceSchema,
  Interface_Type as Type,
} from "@nsmkit/api/linux";
import { isCodedError } from "@nsmkit/core";
import { type Addr, addrList, type Link, linkList } from "@nsmkit/netlink";
import type { CallOptions, RetrievedValue, RetrieveRequest } from "@nsmkit/scheduler";
import type { InterfaceMetadata, LinuxContext } from "./context.ts";
import { hostNameOf } from "./interface-check.ts";
import { metadataOf } from "./interface-metadata.ts";
import { interfaceKey } from "./keys.ts";
import { namespaceText, type OpenNamespace } from "./namespaces.ts";

type Retrieved = RetrievedValue<Interface, InterfaceMetadata>;
type Request = RetrieveRequest<Interface, InterfaceMetadata>;

/** One namespace as it is, with the reference by which declarations mean it. */
interface Scene {
  readonly ref: NetNamespace | undefined;
  readonly namespace: OpenNamespace;
  readonly links: readonly Link[];
  readonly addresses: readonly Addr[];
}

/**
 * Finds the interfaces that exist: marked links in every namespace that declarations or names lead to, and the links
 * of declared EXISTING interfaces.
 */
export async function retrieveInterfaces(
  context: LinuxContext,

  request: Request,
  options: CallOptions,
): Promise<Retrieved[]> {
  const wanted = new Map(request.correlate.map(({ value }) => [value.name, value]));
  const found: Retrieved[] = [];
  const taken = new Set<string>();
  for (const scene of await scenes(context, wanted, options)) {
    for (const link of scene.links) {
      const value = ownValue(context, wanted, scene, link);
      if (!value) continue;
      const key = unusedKey(interfaceKey(value.name), taken);
      taken.add(key);
      await context.namespaces.hold(scene.ref, key, { ...options, create: false });
      found.push({ key, value, metadata: metadataOf(value, scene.namespace, link), origin: "NB" });
    }
    if (!scene.namespace.own) continue;
    for (const declared of wanted.values()) {
      const link = scene.links.find(({ name }) => name === hostNameOf(declared));
      if (declared.type !== Type.EXISTING || !link) continue;
      const value = describe(context, declared, declared, scene, link);
      found.push({
        key: interfaceKey(value.name),
        value,
        metadata: metadataOf(value, scene.namespace, link),
        origin: "NB",
      });
    }
  }
  return found;
}

/** The namespaces to look into: the agent's own, those that declarations name, and all that have a name here. */
async function scenes(
  context: LinuxContext,
  wanted: ReadonlyMap<string, Interface>,
  options: CallOptions,
): Promise<Scene[]> {
  const refs = new Map<string, NetNamespace | undefined>([["", undefined]]);
  for (const { namespace } of wanted.values()) refs.set(namespaceText(namespace), namespace);
  const declared = new Set(refs.keys());
  for (const { name } of await context.netlink.namespaces.list(options)) {
    const ref = create(NetNamespaceSchema, { type: NetNamespace_ReferenceType.NSID, reference: name });
    refs.set(namespaceText(ref), ref);
  }
  const seen = new Set<string>();
  const scenes: Scene[] = [];
  for (const ref of refs.values()) {
    try {
      const scene = await context.namespaces.borrow(ref, { ...options, create: false }, async (namespace) => {
        if (seen.has(namespace.id)) return undefined;
        seen.add(namespace.id);
        const [links, addresses] = await namespace.handle.batch([linkList(), addrList()], options);
        if (!links.ok) throw links.error;
        if (!addresses.ok) throw addresses.error;
        return { ref: namespace.own ? undefined : ref, namespace, links: links.value, addresses: addresses.value };
      });
      if (scene) scenes.push(scene);
    } catch (error) {
      // Named namespaces that no declaration means are looked into for leftovers only; they may be others' and busy.
      if (!declared.has(namespaceText(ref))) continue;
      // A namespace that is not there holds nothing; one that we may not enter is not ours.
      if (!isCodedError(error) || !["NOT_FOUND", "PERMISSION_DENIED", "FAILED_PRECONDITION"].includes(error.code))
        throw error;
    }
  }
  return scenes;
}

/** The interface that a marked link is; undefined for links of others. */
function ownValue(
  context: LinuxContext,
  wanted: ReadonlyMap<string, Interface>,
  scene: Scene,
  link: Link,
): Interface | undefined {
  const [name, second, third] = context.mark.parse(link.alias) ?? [];
  if (name === undefined || name === "") return undefined;
  const type = typeOf(link, third);
  if (type === undefined) return undefined;
  const declared = wanted.get(name);
  const base = create(InterfaceSchema, { name, type });
  if (type === Type.VETH)
    base.link = {
      case: "veth",
      value: {
        $typeName: "ligato.linux.interfaces.VethLink",
        peerIfName: second ?? "",
        rxChecksumOffloading: 0,
        txChecksumOffloading: 0,
      },
    };
  if (type === Type.TAP_TO_VPP)
    base.link = { case: "tap", value: { $typeName: "ligato.linux.interfaces.TapLink", vppTapIfName: second ?? "" } };
  if (type === Type.VRF_DEVICE)
    base.link = {
      case: "vrfDev",
      value: {
        $typeName: "ligato.linux.interfaces.VrfDevLink",
        routingTable: link.info?.kind === "vrf" ? link.info.table : 0,
      },
    };
  return describe(context, base, declared?.type === type ? declared : undefined, scene, link);
}

function typeOf(link: Link, third: string | undefined): Type | undefined {
  if (link.loopback) return Type.LOOPBACK;
  switch (link.kind) {
    case "veth":
      return Type.VETH;
    case "dummy":
      return Type.DUMMY;
    case "vrf":
      return Type.VRF_DEVICE;
    case "tun":
      return third === undefined ? undefined : Type.TAP_TO_VPP;
    default:
      return undefined;
  }
}

/**
 * The declaration that fits the link. Where the declaration leaves something open or names it in another way, its way
 * is kept, so that nothing but real differences shows.
 */
function describe(
  context: LinuxContext,
  base: Interface,
  declared: Interface | undefined,
  scene: Scene,
  link: Link,
): Interface {
  const foreign = base.type === Type.EXISTING;
  const namespace =
    scene.ref && declared && namespaceMeans(context, declared.namespace, scene) ? declared.namespace : scene.ref;
  return create(InterfaceSchema, {
    name: base.name,
    type: base.type,
    link: base.link,
    ...(namespace ? { namespace } : {}),
    hostIfName: declared && hostNameOf(declared) === link.name ? declared.hostIfName : link.name,
    enabled: foreign ? link.up && base.enabled : link.up,
    linkOnly: declared?.linkOnly ?? false,
    mtu: declared?.mtu === 0 && (foreign || base.type === Type.VRF_DEVICE) ? 0 : link.mtu,
    physAddress: declared?.physAddress === "" ? "" : (link.mac ?? ""),
    vrfMasterInterface: vrfOf(context, declared, scene, link),
    ipAddresses: addressesOf(context, declared, foreign, scene, link),
  });
}

/** Whether a reference leads to the namespace of this scene: the same one can be named in several ways. */
function namespaceMeans(context: LinuxContext, ref: NetNamespace | undefined, scene: Scene): boolean {
  return namespaceText(ref) === namespaceText(scene.ref) || context.namespaces.lookup(ref)?.id === scene.namespace.id;
}

function vrfOf(context: LinuxContext, declared: Interface | undefined, { links }: Scene, link: Link): string {
  const master = links.find(({ index, kind }) => index === link.master && kind === "vrf");
  if (!master) return "";
  const name = context.mark.parse(master.alias)?.[0] ?? "";
  // An EXISTING interface may be in a VRF of others, which is none of our business.
  return declared?.type === Type.EXISTING && name !== declared.vrfMasterInterface ? "" : name;
}

function addressesOf(
  context: LinuxContext,
  declared: Interface | undefined,
  foreign: boolean,
  scene: Scene,
  link: Link,
): string[] {
  const present = scene.addresses.filter((addr) => addr.link === link.index);
  const texts = new Set(present.map((addr) => addr.address));
  const known = new Set<string>();
  const expected = (declared?.ipAddresses ?? []).filter((text) => {
    const cidr = context.allocations.tryResolve(text, declared?.name ?? "");
    if (!cidr || !texts.has(cidr.text)) return false;
    known.add(cidr.text);
    return true;
  });
  if (foreign || declared?.linkOnly) return expected;
  // What the kernel sets by itself on lo and as IPv6 link-local address is nobody's declaration.
  const extra = present.filter(
    (addr) =>
      addr.permanent && !known.has(addr.address) && !link.loopback && !(addr.family === 6 && addr.scope === "link"),
  );
  return [...expected, ...extra.map((addr) => addr.address)];
}

function unusedKey(key: string, taken: ReadonlySet<string>): string {
  let unused = key;
  for (let i = 1; taken.has(unused); i++) unused = `${key}-DUPLICATE${i}`;
  return unused;
}
