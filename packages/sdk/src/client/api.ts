import type { Connection, Mechanism } from "@nsmkit/api/networkservice";
import type { Clock, Closable, Logger } from "@nsmkit/core";
import type { LivenessCheck } from "../networkservice/common/heal/client.ts";
import type { ServiceUrl } from "../networkservice/common/serviceurl/service-url.ts";
import type { NetworkServiceElement } from "../networkservice/core/kind.ts";
import type { Identity } from "../transport/index.ts";

export interface ClientOptions {
  /** The nsmgr of this node: `unix:///path` or `tcp://host:port`. */
  readonly connectTo: string;
  /**
   * Name of this client in paths; connections are `<name>-<n>`. A client that starts again under its name finds the
   * connections of its earlier life. Must be unique among the clients of an nsmgr. Default a random one.
   */
  readonly name?: string;
  /** Default `insecureIdentity`: plain connections and unsigned tokens. */
  readonly identity?: Identity;
  /** Path of the network namespace that interfaces go into; default this process's own. */
  readonly netns?: string;
  /** For every connection. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Bound of one attempt to connect, ms; default 15,000. */
  readonly requestTimeoutMs?: number;
  /** Bound of reaching the nsmgr, ms; default 5,000. */
  readonly dialTimeoutMs?: number;
  /** Whether packets cross; with it a connection whose control plane went away but whose packets flow is left in place. */
  readonly livenessCheck?: LivenessCheck;
  /** Default 200. */
  readonly livenessIntervalMs?: number;
  /** Default 100. */
  readonly livenessTimeoutMs?: number;
  /** Chain elements of your own, after ours and before the call leaves. */
  readonly elements?: readonly NetworkServiceElement[];
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface ConnectOptions {
  /** Added to those of the client and of the URL; on the same name these win. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Ask for this endpoint and no other. */
  readonly endpoint?: string;
  /** Of our path segment; default `<name>-<n>`, n counting from 0. */
  readonly id?: string;
  /** What is known of the connection's context beforehand, such as addresses wanted. */
  readonly context?: Connection["context"];
  /** In place of the one that the URL names. */
  readonly mechanisms?: readonly Mechanism[];
  /** How long to go on trying while service, endpoint or nsmgr are missing, ms; default 15,000; Infinity: for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What happens to a connection after it was made. */
export interface ConnectionEvents {
  /** It works no longer, or nobody knows; it is being healed. */
  down: { readonly reason: string };
  /** It works again, perhaps with another endpoint and other addresses. */
  healed: { readonly connection: Connection };
  /** A refresh or heal brought another context: addresses, routes, DNS, MTU. */
  changed: { readonly connection: Connection };
  closed: Record<string, never>;
}

export interface ClientConnection extends Closable {
  readonly id: string;
  readonly state: "up" | "down" | "closed";
  /** As the mesh answered last; a copy of your own. */
  readonly connection: Connection;
  /** Name of the kernel interface; undefined for other mechanisms. */
  readonly interfaceName: string | undefined;
  /** Addresses of our end, such as `172.16.1.1/32`. */
  readonly addresses: readonly string[];
  /** Addresses of the endpoint's end. */
  readonly peerAddresses: readonly string[];
  /** Calls `listener` on each such event until disposed. */
  on<E extends keyof ConnectionEvents>(event: E, listener: (details: ConnectionEvents[E]) => void): Disposable;
  /** Asks again now, perhaps with other labels; the result is also in `connection`. */
  refresh(options?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  }): Promise<void>;
  /** Takes the connection down everywhere. An error of another hop is logged: our part is gone in any case. */
  close(): Promise<void>;
}

/** Opens connections through the mesh. Closing the client closes them. */
export interface Client extends Closable {
  readonly name: string;
  readonly connections: readonly ClientConnection[];
  /**
   * Connects to a network service.
   * @param service such as `kernel://web/nsm-1?color=blue`
   * @returns when the interface is there
   * @throws INVALID_ARGUMENT for a wrong URL; NOT_FOUND when nobody offers the service in time; PERMISSION_DENIED;
   * UNAVAILABLE or DEADLINE_EXCEEDED when the nsmgr cannot be reached; ABORTED by the signal
   */
  connect(service: string | ServiceUrl, options?: ConnectOptions): Promise<ClientConnection>;
}
