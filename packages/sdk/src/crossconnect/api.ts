import type { Connection } from "@nsmkit/api/networkservice";

/** One side of a cross connection, as the forwarder's chain knows it after the reply came back. */
export interface CrossConnectSide {
  /** cls, type and parameters as agreed; a LOCAL mechanism's `inodeURL` is already a `file://` path valid in this process. */
  readonly mechanism: {
    readonly cls: string;
    readonly type: string;
    readonly parameters: Readonly<Record<string, string>>;
  };
}

/**
 * What a forwarder's chain asks of a data plane. `sdk` only knows this port; the kernel and VPP planes live in
 * `@nsmkit/agent`, and the program joins the two.
 */
export interface CrossConnector {
  /** Mechanism types (KERNEL, VXLAN, MEMIF ...) that this plane can do, most wanted first. */
  readonly mechanisms: readonly string[];
  /**
   * Joins two sides. Idempotent: the same id again is an update (a refresh that changes nothing costs no system call).
   * Interfaces, addresses and routes are in place when it resolves; on failure nothing of this call is left.
   * @param connectionId id of the forwarder's own path segment
   * @param client side of the caller (source addresses, source routes); `server` side of the endpoint
   * @param connection for context, payload, labels and the path
   * @returns counters and names that go into the path segment's `metrics` (`client_interface`: "KERNEL/nsm-1", ...)
   */
  connect(
    connectionId: string,
    sides: { readonly client: CrossConnectSide; readonly server: CrossConnectSide },
    connection: Connection,
    options: { signal: AbortSignal },
  ): Promise<{ metrics: Record<string, string> }>;
  /** Unknown ids are fine. Nothing of the connection is left when it resolves. */
  disconnect(connectionId: string, options: { signal: AbortSignal }): Promise<void>;
  /** Ids that exist in the data plane under our mark, for the resync after a restart. */
  list(options: { signal: AbortSignal }): Promise<readonly string[]>;
  /** Address that the other node's tunnels reach us at, for REMOTE mechanisms; undefined if this plane has none. */
  readonly tunnelIp?: string;
}
