import type { Connection } from "@nsmkit/api/networkservice";
import { isCodedError, type Logger } from "@nsmkit/core";
import type { PingOptions, PingResult } from "@nsmkit/netlink";
import type { LivenessCheck } from "@nsmkit/sdk/networkservice";

type Ping = (options: PingOptions) => Promise<PingResult>;

/** Echo requests after a first one that was not answered; upstream sends four in all. */
const furtherRequests = 3;

/**
 * Whether a kernel connection carries packets: every pair of a client's and an endpoint's address of one family must
 * answer at least one of four echo requests in time. Other mechanisms, and connections without addresses, count as
 * alive. Rules: networkservicemesh/sdk-kernel pkg/kernel/tools/heal.
 */
export function pingCheck(ping: Ping, options: { readonly timeoutMs: number; readonly logger: Logger }): LivenessCheck {
  const { timeoutMs, logger } = options;
  let refused = false;

  const answers = async (source: string, destination: string, signal: AbortSignal): Promise<boolean> => {
    // One is answered nearly always; a slow line gets the rest of the time for all others together.
    const first = await ping({ source, destination, timeoutMs: timeoutMs / 4, signal });
    if (first.received > 0) return true;
    const intervalMs = timeoutMs / 16;
    const further = { count: furtherRequests, intervalMs, timeoutMs: timeoutMs / 2 };
    return (await ping({ source, destination, ...further, signal })).received > 0;
  };

  return async (connection, { signal }) => {
    if (refused || connection.mechanism?.type !== "KERNEL") return true;
    try {
      const pairs = pairsOf(connection);
      const alive = await Promise.all(pairs.map(([source, destination]) => answers(source, destination, signal)));
      return alive.every(Boolean);
    } catch (error) {
      if (!isCodedError(error, "PERMISSION_DENIED")) throw error;
      refused = true;
      logger.warn("connections are not checked: this process may not ping", {
        remedy: "set net.ipv4.ping_group_range to include this group, or give CAP_NET_RAW",
        error,
      });
      return true;
    }
  };
}

function pairsOf(connection: Connection): [source: string, destination: string][] {
  const { srcIpAddrs = [], dstIpAddrs = [] } = connection.context?.ipContext ?? {};
  const address = (prefix: string): string => prefix.split("/")[0] ?? "";
  const isV6 = (text: string): boolean => text.includes(":");
  return srcIpAddrs.map(address).flatMap((source) =>
    dstIpAddrs
      .map(address)
      .filter((destination) => isV6(source) === isV6(destination))
      .map((destination): [string, string] => [source, destination]),
  );
}
