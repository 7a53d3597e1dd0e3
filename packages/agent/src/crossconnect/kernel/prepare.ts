import type { Logger } from "@nsmkit/core";
import { firstFailure, type Netlink, type Netns, sysctlSet } from "@nsmkit/netlink";

/**
 * What a namespace needs once: ICMP datagram sockets for everyone, for NSM's data-plane check (sdk-kernel,
 * pinggrouprange). Never fails.
 */
export async function prepareNamespaces(netlink: Netlink, namespaces: readonly Netns[], logger: Logger): Promise<void> {
  if (namespaces.length === 0) return;
  const results = await netlink.execute(
    namespaces.map((netns) => ({ netns, ops: [sysctlSet("net/ipv4/ping_group_range", "0 2147483647")] })),
    { onError: "continue" },
  );
  // In a user namespace the kernel refuses group ids that are not mapped; a raw socket does there.
  const refused = firstFailure(results);
  if (refused) logger.debug("ping_group_range was not set", { error: refused });
}
