import type { Clock, Logger } from "@nsmkit/core";
import type { Identity } from "../../transport/api.ts";
import type { ChannelPool } from "../../transport/client/pool.ts";
import { authorizeClient } from "../common/authorize/client.ts";
import { dialClient } from "../common/dial/client.ts";
import { recvFdClient } from "../common/mechanisms/recvfd/client.ts";
import { sendFdClient } from "../common/mechanisms/sendfd/client.ts";
import { monitorClient } from "../common/monitor/client.ts";
import { MonitorStreams } from "../common/monitor/streams.ts";
import { updateTokenClient } from "../common/updatetoken/client.ts";
import type { NetworkServiceElement } from "../core/kind.ts";

export interface OnwardOptions {
  /** Of our path segment. */
  readonly name: string;
  readonly identity: Identity;
  readonly channels: Pick<ChannelPool, "acquire">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bound of one connection attempt, ms; default 750. */
  readonly dialTimeoutMs?: number | undefined;
  /** Check what the next hop answers; default false: an nsmgr and a forwarder leave that to the client. */
  readonly authorize?: boolean;
  /** Elements between the connection to the next hop and the files that go over it. */
  readonly elements?: readonly NetworkServiceElement[];
}

/** The bottom part of every chain that goes on to a next hop. */
export function onward(options: OnwardOptions): readonly NetworkServiceElement[] {
  const { name, identity, channels, clock, logger, dialTimeoutMs = 750, elements = [], authorize = false } = options;
  return [
    dialClient(channels, { dialTimeoutMs }),
    monitorClient(new MonitorStreams({ name, clock, logger })),
    ...elements,
    updateTokenClient(identity),
    // Above sendfd: a reply that names a file we sent has its path back before anyone waits for it to arrive.
    recvFdClient(),
    sendFdClient(),
    ...(authorize && identity.mode === "spiffe" ? [authorizeClient()] : []),
  ];
}
