import { isCodedError } from "@nsmkit/core";
import type { Descriptor } from "@nsmkit/scheduler";
import type { LinuxContext } from "./context.ts";
import { locate } from "./interface-address.ts";
import { interfaceKey, isVrfKey } from "./keys.ts";

/** Membership of an interface in a VRF, both by logical name. */
export interface InterfaceVrf {
  readonly interface: string;
  readonly vrf: string;
}

/** VRF membership: addresses of the interface wait for it, because the kernel drops them when it changes. */
export function createInterfaceVrfDescriptor(context: LinuxContext): Descriptor<InterfaceVrf> {
  return {
    name: "linux-interface-vrf",
    keySelector: { prefix: "linux/interface/", matches: isVrfKey },
    dependencies: (_key, { vrf }) => [{ label: `VRF device ${vrf}`, key: interfaceKey(vrf) }],
    async create({ value }, options) {
      const { namespace, metadata } = locate(context, value.interface);
      const device = locate(context, value.vrf);
      await namespace.handle.linkSet(metadata.index, { master: device.metadata.index }, options);
    },
    async delete({ value }, options) {
      const metadata = context.interfaces().get(value.interface);
      const namespace = metadata && context.namespaces.byId(metadata.namespaceId);
      if (!metadata || !namespace) return;
      try {
        await namespace.handle.linkSet(metadata.index, { master: null }, options);
      } catch (error) {
        if (!isCodedError(error, "NOT_FOUND")) throw error;
      }
    },
  };
}
