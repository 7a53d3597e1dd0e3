import { type Interface, Interface_Type as Type } from "@nsmkit/api/linux";
import { CodedError } from "@nsmkit/core";
import type { LinuxContext } from "../context.ts";
import { existingLink } from "./existing.ts";
import type { LinkKind } from "./kind.ts";
import { loopbackLink } from "./loopback.ts";
import { simpleLink } from "./own.ts";
import { tapLink } from "./tap.ts";
import { vethLink } from "./veth.ts";

export { type LinkKind, settingsOf } from "./kind.ts";
export { peerNameOf } from "./veth.ts";

export type LinkKinds = (value: Interface) => LinkKind;

export function tableOf(value: Interface): number {
  return value.link.case === "vrfDev" ? value.link.value.routingTable : 0;
}

/** The types of interfaces of the Linux model. */
export function createLinkKinds(context: LinuxContext): LinkKinds {
  const kinds: Record<Exclude<Type, Type.UNDEFINED>, LinkKind> = {
    [Type.EXISTING]: existingLink(context),
    [Type.LOOPBACK]: loopbackLink(context),
    [Type.VETH]: vethLink(context),
    [Type.TAP_TO_VPP]: tapLink(context),
    [Type.DUMMY]: simpleLink(context, 1500, (common) => ({ kind: "dummy", ...common })),
    // Kernels differ in the MTU of a new VRF device (65536, later 65575), and it does not matter.
    [Type.VRF_DEVICE]: simpleLink(context, undefined, (common, value) => ({
      kind: "vrf",
      table: tableOf(value),
      ...common,
    })),
  };
  return (value) => {
    if (value.type === Type.UNDEFINED) throw new CodedError("INTERNAL", "an interface without type passed validation");
    return kinds[value.type];
  };
}
