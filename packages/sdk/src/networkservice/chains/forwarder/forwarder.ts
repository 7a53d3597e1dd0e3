import { silentLogger, systemClock } from "@nsmkit/core";
import type { CrossConnector } from "../../../crossconnect/api.ts";
import type { ChannelPool } from "../../../transport/client/pool.ts";
import { callNextHop } from "../../common/connect/end.ts";
import { crossConnectServer } from "../../common/crossconnect/server.ts";
import type { Discovery } from "../../common/discover/port.ts";
import { discoverServer } from "../../common/discover/server.ts";
import { kernelForwarderServer } from "../../common/mechanisms/kernel/server.ts";
import { mtuServer } from "../../common/mechanisms/mtu/server.ts";
import { type Offer, preferencesClient } from "../../common/mechanisms/preferences/client.ts";
import { recvFdServer } from "../../common/mechanisms/recvfd/server.ts";
import { type MechanismServer, selectMechanismServer } from "../../common/mechanisms/select/server.ts";
import { sendFdServer } from "../../common/mechanisms/sendfd/server.ts";
import { translationClient } from "../../common/mechanisms/translation/client.ts";
import { vxlanParameters, vxlanServer } from "../../common/mechanisms/vxlan/server.ts";
import { roundRobinServer } from "../../common/roundrobin/server.ts";
import { onward } from "../onward.ts";
import { type ServerChain, type ServerChainOptions, serverChain } from "../server.ts";

export interface ForwarderChainOptions extends ServerChainOptions {
  readonly discovery: Discovery;
  readonly channels: Pick<ChannelPool, "acquire">;
  readonly crossConnector: CrossConnector;
  /** Largest packet that leaves this node in one piece, bytes; lowers the MTU of tunnels. Default: nobody lowers it. */
  readonly uplinkMtu?: number;
  /** UDP port of VXLAN tunnels (NSM_VXLAN_PORT); default 4789. */
  readonly tunnelPort?: number;
  /** Mechanism types that are preferred to the data plane's own order (NSM_MECHANISM_PRIORITY). */
  readonly mechanismPriority?: readonly string[];
  readonly dialTimeoutMs?: number;
}

/** Joins a caller's side with an endpoint's, on this node or on another one, through a data plane. */
export function forwarderChain(options: ForwarderChainOptions): ServerChain {
  const { name, identity, discovery, channels, crossConnector, uplinkMtu, dialTimeoutMs } = options;
  const { clock = systemClock, logger = silentLogger, mechanismPriority = [], tunnelPort } = options;
  const { tunnelIp } = crossConnector;
  return serverChain(
    { ...options, passesOn: true },
    [
      sendFdServer(),
      recvFdServer(),
      discoverServer(discovery),
      roundRobinServer(),
      selectMechanismServer(mechanismServers(crossConnector, tunnelPort)),
      ...(uplinkMtu !== undefined && tunnelIp !== undefined ? [mtuServer({ uplinkMtu, tunnelIp })] : []),
      crossConnectServer(crossConnector),
      ...onward({
        name,
        identity,
        channels,
        clock,
        logger,
        dialTimeoutMs,
        elements: [
          translationClient(),
          preferencesClient(mechanismOffers(crossConnector, tunnelPort), { priority: mechanismPriority }),
        ],
      }),
    ],
    callNextHop,
  );
}

/** What we serve to callers, of what the data plane can do. */
function mechanismServers(
  { mechanisms, tunnelIp }: CrossConnector,
  tunnelPort: number | undefined,
): Record<string, MechanismServer> {
  const servers: Record<string, MechanismServer> = {};
  if (mechanisms.includes("KERNEL")) servers.KERNEL = kernelForwarderServer();
  if (mechanisms.includes("VXLAN") && tunnelIp !== undefined)
    servers.VXLAN = vxlanServer({ tunnelIp, ...(tunnelPort !== undefined && { tunnelPort }) });
  return servers;
}

/** What we ask of the next hop. VXLAN carries Ethernet, and IP inside it when there is no tunnel made for IP. */
function mechanismOffers({ mechanisms, tunnelIp }: CrossConnector, tunnelPort: number | undefined): Offer[] {
  return mechanisms.flatMap((type): Offer[] => {
    if (type === "KERNEL") return [{ type }];
    if (type === "VXLAN" && tunnelIp !== undefined)
      return [{ type, parameters: vxlanParameters(tunnelIp, tunnelPort) }];
    return [];
  });
}
