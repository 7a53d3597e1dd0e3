import type { Closable } from "@nsmkit/core";

/** A connection that a client asks for. */
export interface ConnectionWish {
  /** Stays the same over restarts of the agent, so that the connection of an earlier life is taken over. */
  readonly id: string;
  readonly networkService: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the link in the kernel, at most 15 characters. */
  readonly interfaceName: string;
  /** Addresses that our end shall have, with prefix length; none: what the endpoint assigns. */
  readonly addresses: readonly string[];
  /** "" for any. */
  readonly mac: string;
}

/** What happens to a connection after it was made. */
export interface ConnectionListener {
  /** It works, perhaps again and perhaps with other addresses. */
  up(connection: MeshConnection): void;
  /** It does not work, or nobody knows; it is being healed. */
  down(reason: string): void;
}

/** An open connection. Closing it takes it down everywhere. */
export interface MeshConnection extends Closable {
  readonly id: string;
  /** Name of the link in the kernel. */
  readonly interfaceName: string;
  /** Addresses of our end, with prefix length. */
  readonly addresses: readonly string[];
  readonly closed: boolean;
  /** Asks again with other labels, addresses or MAC. Labels that were there before cannot be taken away. */
  update(wish: ConnectionWish, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** A network service that is offered. */
export interface EndpointWish {
  /** Unique in the registry, and the same over restarts of the agent. */
  readonly name: string;
  readonly networkService: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly singleClient: boolean;
  /** Addresses of our end, with prefix length. */
  readonly addresses: readonly string[];
  readonly mac: string;
}

/** A client of an endpoint of ours. */
export interface EndpointClient {
  readonly connectionId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the link that the caller suggests, or "". After a restart it is the one that it has. */
  readonly interfaceName: string;
}

export interface EndpointListener {
  /**
   * Decides what the client's link is called in the kernel. Also called when a client is refreshed: the answer must
   * then be the same. @throws to refuse the client
   */
  accept(client: EndpointClient): string;
  /** The client was accepted; its link follows. @throws to refuse it after all */
  connected(client: EndpointClient): void;
  gone(connectionId: string): void;
}

/** The Network Service Mesh as the plugin needs it. */
export interface Mesh extends Closable {
  /** @throws CodedError NOT_FOUND (nobody offers the service), UNAVAILABLE (no mesh), PERMISSION_DENIED … */
  connect(
    wish: ConnectionWish,
    listener: ConnectionListener,
    options: { readonly signal: AbortSignal },
  ): Promise<MeshConnection>;
  /** Closing what it returns unregisters the endpoint and ends its connections. */
  serve(wish: EndpointWish, listener: EndpointListener, options: { readonly signal: AbortSignal }): Promise<Closable>;
}

/** Tells others of endpoints by their labels; a key-value store can do that. */
export interface EndpointNotifications {
  publish(networkService: string, labels: Readonly<Record<string, string>>): void;
  withdraw(networkService: string, labels: Readonly<Record<string, string>>): void;
}
