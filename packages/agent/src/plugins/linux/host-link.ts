import { type Descriptor, type KeyValue, keyPrefix } from "@nsmkit/scheduler";
import { hostLinkPrefix, hostNameAddressKey, hostNameKey, hostNamePrefix, hostNameVrfKey } from "./keys.ts";

/** A link of the agent's own namespace, as the kernel tells of it. */
export interface HostLink {
  readonly name: string;
  /** Changes when a link of the same name takes its place. */
  readonly index: number;
  readonly up: boolean;
  /** With prefix length. */
  readonly addresses: readonly string[];
  /** Host name of its VRF device, or "". */
  readonly vrf: string;
}

/** Links that the kernel has, for EXISTING interfaces to wait for; while up also under the keys that Ligato uses. */
export function createHostLinkDescriptors(): [Descriptor<HostLink>, Descriptor] {
  return [
    {
      name: "linux-host-link",
      keySelector: keyPrefix(hostLinkPrefix),
      derivedValues: (_key, { name, up, addresses, vrf }): KeyValue[] => {
        if (!up) return [];
        return [
          { key: hostNameKey(name), value: {} },
          ...addresses.map((address) => ({ key: hostNameAddressKey(name, address), value: {} })),
          ...(vrf ? [{ key: hostNameVrfKey(name, vrf), value: {} }] : []),
        ];
      },
    },
    { name: "linux-host-name", keySelector: keyPrefix(hostNamePrefix) },
  ];
}
