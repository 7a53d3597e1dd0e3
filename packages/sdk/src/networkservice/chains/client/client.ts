import { silentLogger, systemClock } from "@nsmkit/core";
import { type Chain, chain } from "../../../chain/chain.ts";
import type { ChannelPool } from "../../../transport/client/pool.ts";
import { clientUrl } from "../../common/clienturl/client.ts";
import { callNextHop } from "../../common/connect/end.ts";
import { type HealOptions, healClient } from "../../common/heal/client.ts";
import { type RefreshOptions, refreshClient } from "../../common/refresh/client.ts";
import { updatePath } from "../../common/updatepath/element.ts";
import { upstreamRefreshClient } from "../../common/upstreamrefresh/client.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginClient } from "../../core/rules.ts";
import { onward } from "../onward.ts";
import type { ServerChainOptions } from "../server.ts";

export interface ClientChainOptions extends ServerChainOptions {
  /** URL of the nsmgr. */
  readonly connectTo: string;
  readonly channels: Pick<ChannelPool, "acquire">;
  readonly dialTimeoutMs?: number | undefined;
  readonly refresh?: RefreshOptions;
  /** Without it a connection that goes down stays down until the next refresh. */
  readonly heal?: Omit<HealOptions, "clock" | "logger">;
  /** Heal to the same endpoint by another way rather than to any endpoint; default false. */
  readonly keepEndpoint?: boolean;
  /** What else the client does: mechanisms, labels. */
  readonly elements?: readonly NetworkServiceElement[];
}

export interface ClientChain extends AsyncDisposable {
  readonly handler: Chain<NetworkServiceKind>;
  /** Connections that have state. */
  readonly size: number;
  stop(): Promise<void>;
}

/** Where connections start: keeps them alive, and brings them back. */
export function clientChain(options: ClientChainOptions): ClientChain {
  const { name, identity, channels, connectTo, dialTimeoutMs = 5_000 } = options;
  const { clock = systemClock, logger = silentLogger } = options;
  const first = beginClient({ clock, logger, keepEndpoint: options.keepEndpoint ?? false });
  const handler = chain<NetworkServiceKind>(
    [
      updatePath(name),
      first,
      refreshClient(options.refresh),
      upstreamRefreshClient(),
      ...(options.heal ? [healClient({ clock, logger, ...options.heal })] : []),
      clientUrl(connectTo),
      ...(options.elements ?? []),
      ...onward({ name, identity, channels, clock, logger, dialTimeoutMs, authorize: true }),
    ],
    callNextHop,
  );
  return {
    handler,
    get size() {
      return first.size;
    },
    stop: handler.stop,
    [Symbol.asyncDispose]: handler.stop,
  };
}
