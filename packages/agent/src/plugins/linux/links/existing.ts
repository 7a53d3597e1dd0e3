import type { LinuxContext } from "../context.ts";
import { hostNameOf } from "../interface-check.ts";
import { hostLinkKey } from "../keys.ts";
import type { LinkKind } from "./kind.ts";

/**
 * A link that somebody else made, in the agent's own namespace. It waits for the link to exist, not for it to be up:
 * the agent itself sets it up when `enabled`, and MAC and MTU when they are given. It carries no mark and is left as
 * it is when the interface is withdrawn; only the addresses go.
 */
export function existingLink(_context: LinuxContext): LinkKind {
  return {
    foreign: true,
    alias: () => undefined,
    dependencies: (value) => [{ label: `link ${hostNameOf(value)} exists`, key: hostLinkKey(hostNameOf(value)) }],
    create: (value, namespace, options) => namespace.handle.linkGet(hostNameOf(value), options),
    delete: async () => {},
  };
}
