import { silentLogger, systemClock } from "@nsmkit/core";
import type { ChannelPool } from "../../../transport/client/pool.ts";
import { clientInfo } from "../../common/clientinfo/server.ts";
import { callNextHop } from "../../common/connect/end.ts";
import type { Discovery } from "../../common/discover/port.ts";
import { type DiscoverForwarderOptions, discoverForwarderServer } from "../../common/discoverforwarder/server.ts";
import { excludedPrefixesServer } from "../../common/excludedprefixes/server.ts";
import { recvFdServer } from "../../common/mechanisms/recvfd/server.ts";
import { sendFdServer } from "../../common/mechanisms/sendfd/server.ts";
import { netsvcMonitorServer } from "../../common/netsvcmonitor/server.ts";
import { onward } from "../onward.ts";
import { type ServerChain, type ServerChainOptions, serverChain } from "../server.ts";

export interface NsmgrChainOptions extends ServerChainOptions {
  readonly discovery: Discovery;
  /** Forwarders registered with this nsmgr; see `DiscoverForwarderOptions`. */
  readonly forwarders: DiscoverForwarderOptions["forwarders"];
  /** Default `forwarder`. */
  readonly forwarderServiceName?: string;
  readonly channels: Pick<ChannelPool, "acquire">;
  /** Prefixes that the cluster uses, asked at every request; default none. */
  readonly excludedPrefixes?: () => readonly string[];
  /** Labels for clients that did not send them: nodeName and the like. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly dialTimeoutMs?: number;
}

/** Passes connections of this node on to a forwarder. */
export function nsmgrChain(options: NsmgrChainOptions): ServerChain {
  const { name, identity, discovery, forwarders, channels, dialTimeoutMs } = options;
  const { clock = systemClock, logger = silentLogger } = options;
  const serviceName = options.forwarderServiceName ?? "forwarder";
  return serverChain(
    { ...options, passesOn: true },
    [
      clientInfo(options.labels ?? {}),
      discoverForwarderServer({ discovery, forwarders, serviceName }),
      netsvcMonitorServer(discovery),
      excludedPrefixesServer(options.excludedPrefixes ?? (() => [])),
      sendFdServer(),
      recvFdServer(),
      ...onward({ name, identity, channels, clock, logger, dialTimeoutMs }),
    ],
    callNextHop,
  );
}
