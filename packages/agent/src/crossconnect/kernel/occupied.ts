/** What to say about names that the kernel reports as taken. */
import { CodedError } from "@nsmkit/core";
import type { Link } from "@nsmkit/netlink";
import { markedId, parseMark } from "./mark.ts";
import type { TunnelPlan } from "./tunnel.ts";
import type { Wiring } from "./wiring.ts";

/**
 * @param links found under the names of the wiring's ends
 * @param isLive whether a marked id is a connection that we serve now
 * @returns if all that stands there is of ours, of this connection or of an earlier life
 * @throws ALREADY_EXISTS (not ours), CONFLICT (of a live connection)
 */
export function checkFree(
  wiring: Wiring,
  links: readonly (Link | undefined)[],
  isLive: (markedId: string) => boolean,
): void {
  const { connectionId, owner, ends } = wiring;
  for (const [i, { side, plan }] of ends.entries()) {
    const link = links[i];
    if (!link) continue;
    const mark = parseMark(link.alias);
    const about = `connection ${connectionId}: interface ${plan.name} exists in the ${side}'s network namespace`;
    if (mark?.owner !== markedId(owner)) {
      const whose = mark ? `belongs to another forwarder (${mark.owner})` : "is not ours";
      throw new CodedError("ALREADY_EXISTS", `${about} and ${whose}; choose another interface name`, {
        details: { interface: plan.name },
      });
    }
    if (mark.id !== markedId(connectionId) && isLive(mark.id)) {
      throw new CodedError("CONFLICT", `${about} for connection ${mark.id}; choose another interface name`, {
        details: { interface: plan.name, owner: mark.id },
      });
    }
  }
}

/** What the kernel means by "exists" when no name is taken. */
export const vniInUse = (connectionId: string, { vni, port }: TunnelPlan): CodedError =>
  new CodedError(
    "CONFLICT",
    `connection ${connectionId}: VNI ${vni} is in use on UDP port ${port} of this node; another attempt gets another VNI`,
    { retryable: true, details: { vni, port } },
  );
