import { linkList } from "@nsmkit/netlink";
import type { Descriptor } from "@nsmkit/scheduler";
import { keyPrefix } from "@nsmkit/scheduler";
import { interfaceDescriptorName, type LinuxContext } from "./context.ts";
import { stateKey, statePrefix } from "./keys.ts";

const nothing = {};

/** Tells the scheduler whether the link of a declared interface is administratively up; undefined: it has none. */
export function reportState({ scheduler }: LinuxContext, name: string, up: boolean | undefined): void {
  scheduler().notify(
    up === true ? { key: stateKey(name, true), value: nothing } : { key: stateKey(name, true) },
    up === false ? { key: stateKey(name, false), value: nothing } : { key: stateKey(name, false) },
  );
}

/** What routes and ARP entries wait for: the kernel drops them when their link goes down. */
export function createInterfaceStateDescriptor(context: LinuxContext): Descriptor {
  return {
    name: "linux-interface-state",
    keySelector: keyPrefix(statePrefix),
    retrieveDependencies: [interfaceDescriptorName],
    async retrieve(_request, options) {
      const namespaces = context.namespaces.all();
      const links = await Promise.all(
        namespaces.map(async (namespace) => {
          const [listed] = await namespace.handle.batch([linkList()], options);
          return listed.ok ? listed.value.map((link) => ({ namespaceId: namespace.id, link })) : [];
        }),
      );
      const up = new Map(links.flat().map(({ namespaceId, link }) => [`${namespaceId}/${link.index}`, link.up]));
      return [...context.interfaces().entries()].flatMap(([name, metadata]) => {
        const state = up.get(`${metadata.namespaceId}/${metadata.index}`);
        return state === undefined ? [] : [{ key: stateKey(name, state), value: nothing, origin: "SB" as const }];
      });
    },
  };
}
