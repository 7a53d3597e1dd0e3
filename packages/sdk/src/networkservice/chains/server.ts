import type { Connection } from "@nsmkit/api/networkservice";
import { type Clock, type Logger, messageOf, silentLogger, systemClock } from "@nsmkit/core";
import { type Chain, chain } from "../../chain/chain.ts";
import { Gate } from "../../chain/gate.ts";
import type { Identity, ServiceBinding } from "../../transport/api.ts";
import { authorizeServer } from "../common/authorize/server.ts";
import { MonitorHub } from "../common/monitor/hub.ts";
import { monitorServer } from "../common/monitor/server.ts";
import { timeoutServer } from "../common/timeout/server.ts";
import { updatePath } from "../common/updatepath/element.ts";
import { updateTokenServer } from "../common/updatetoken/server.ts";
import type { NetworkServiceElement, NetworkServiceHandler, NetworkServiceKind } from "../core/kind.ts";
import { beginServer } from "../core/rules.ts";
import { networkServiceBinding } from "../core/serve.ts";

export interface ServerChainOptions {
  /** Of the path segment; unique among those that a client's path may pass. */
  readonly name: string;
  readonly identity: Identity;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /** For chains that share one socket; default one of its own. */
  readonly hub?: MonitorHub | undefined;
  /** The chain goes on to a next hop; default false. */
  readonly passesOn?: boolean | undefined;
}

/** A chain that serves connections, with what a server needs to put it on the wire. */
export interface ServerChain extends AsyncDisposable {
  readonly handler: Chain<NetworkServiceKind>;
  readonly hub: MonitorHub;
  /** NetworkService and MonitorConnection. */
  readonly bindings: readonly ServiceBinding[];
  /** Connections that have state. */
  readonly size: number;
  /** Established connections as last answered; not to be changed. */
  connections(): readonly Connection[];
  /** Closes every connection, here and further down. Watchers are told, so that clients go elsewhere. */
  closeConnections(): Promise<void>;
  stop(): Promise<void>;
}

const closesAtOnce = 64;

/**
 * What every server of connections begins with: path, serialisation, tokens, policies in SPIFFE mode, expiry and
 * monitoring. `elements` follow, and `end` serves what comes out below.
 */
export function serverChain(
  options: ServerChainOptions,
  elements: readonly NetworkServiceElement[],
  end: NetworkServiceHandler,
): ServerChain {
  const { name, identity, clock = systemClock, logger = silentLogger, hub = new MonitorHub() } = options;
  const first = beginServer({ clock, logger, passesOn: options.passesOn ?? false });
  const handler = chain<NetworkServiceKind>(
    [
      updatePath(name, { entrance: true }),
      first,
      updateTokenServer(identity),
      ...(identity.mode === "spiffe" ? [authorizeServer()] : []),
      timeoutServer(),
      monitorServer(hub),
      ...elements,
    ],
    end,
  );
  return {
    handler,
    hub,
    bindings: [networkServiceBinding(handler, { clock, logger }), hub.binding],
    get size() {
      return first.size;
    },
    connections: () => first.established().flatMap(({ last }) => last?.reply ?? []),
    async closeConnections() {
      const gate = new Gate(closesAtOnce);
      await Promise.all(
        first.established().map((connection) =>
          gate
            .run(() => connection.close())
            .catch((error: unknown) => {
              logger.warn("a connection was not closed everywhere", {
                connection: connection.id,
                reason: messageOf(error),
              });
            }),
        ),
      );
    },
    stop: handler.stop,
    [Symbol.asyncDispose]: handler.stop,
  };
}
