import type { Interface, NetNamespace } from "@nsmkit/api/linux";
import type { Logger } from "@nsmkit/core";
import type { Netlink } from "@nsmkit/netlink";
import type { Scheduler } from "@nsmkit/scheduler";
import type { AllocationTable } from "../netalloc/netalloc.ts";
import type { InterfaceStates } from "./interface-states.ts";
import type { LinkRemover } from "./link-remover.ts";
import type { Mark } from "./mark.ts";
import type { NamespaceTable } from "./namespaces.ts";

export const interfaceDescriptorName = "linux-interface";

/** What the scheduler keeps with a configured interface: where its link is. */
export interface InterfaceMetadata {
  readonly namespace: NetNamespace | undefined;
  /** `OpenNamespace.id`. */
  readonly namespaceId: string;
  readonly hostName: string;
  readonly index: number;
  /** Routing table, of a VRF device. */
  readonly table?: number;
  /** Logical name of the VRF device that the interface is to belong to. */
  readonly vrf?: string;
}

/** Configured interfaces by logical name, as the scheduler keeps them. */
export interface InterfaceIndex {
  get(name: string): InterfaceMetadata | undefined;
  entries(): IterableIterator<[string, InterfaceMetadata]>;
  /** Names of the interfaces whose link is the one with this index in a namespace. */
  lookup(field: "link", value: string): readonly string[];
}

/** How `lookup` names a link. */
export const linkId = (namespaceId: string, index: number): string => `${namespaceId}/${index}`;

/** Linux sides of the TAPs that a VPP of this agent makes. */
export interface VppTaps {
  /** Name of the link that VPP made for the TAP with this logical name. */
  hostNameOf(vppTap: string): string;
}

/** What the descriptors of this plugin share. */
export interface LinuxContext {
  readonly netlink: Netlink;
  readonly namespaces: NamespaceTable;
  readonly mark: Mark;
  readonly remover: LinkRemover;
  readonly states: InterfaceStates;
  readonly allocations: AllocationTable;
  readonly logger: Logger;
  readonly scheduler: () => Scheduler;
  readonly interfaces: () => InterfaceIndex;
  /** The declaration of an interface, whether configured or not. */
  readonly desired: (name: string) => Interface | undefined;
  readonly vppTaps?: VppTaps;
}
