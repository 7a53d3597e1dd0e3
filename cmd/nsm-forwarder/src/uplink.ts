import { CodedError } from "@nsmkit/core";
import { formatIp, type Netlink, parseIp } from "@nsmkit/netlink";

export interface Uplink {
  /** Canonical text. */
  readonly tunnelIp: string;
  /** Bytes that leave this node in one piece. */
  readonly mtu: number;
}

/**
 * The link that has the tunnel address, in the namespace of this process.
 * @throws INVALID_CONFIG when none has it: tunnels would send into nothing
 */
export async function findUplink(netlink: Netlink, tunnelIp: string): Promise<Uplink> {
  const wanted = formatIp(parseIp(tunnelIp, "NSM_TUNNEL_IP").bytes);
  await using handle = netlink.handle();
  const addresses = await handle.addrList();
  const found = addresses.find(({ address }) => hostOf(address) === wanted);
  if (!found) {
    const candidates = addresses.filter(({ scope }) => scope === "global").map(({ address }) => hostOf(address));
    throw new CodedError(
      "INVALID_CONFIG",
      `NSM_TUNNEL_IP=${tunnelIp}: no link of this node has that address; it has ${candidates.join(", ") || "none"}`,
      { details: { candidates } },
    );
  }
  return { tunnelIp: wanted, mtu: (await handle.linkGet(found.link)).mtu };
}

const hostOf = (cidr: string): string => cidr.slice(0, cidr.indexOf("/"));
