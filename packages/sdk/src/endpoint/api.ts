import type { Connection, DNSConfig } from "@nsmkit/api/networkservice";
import type { NetworkService } from "@nsmkit/api/registry";
import type { Clock, Closable, Logger } from "@nsmkit/core";
import type { NetworkServiceElement } from "../networkservice/core/kind.ts";
import type { Identity } from "../transport/index.ts";

/** A network service that an endpoint offers. */
export interface OfferedService {
  readonly name: string;
  /** Of the endpoint for this service; clients are matched by them. */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Registers the service itself too, which replaces what is registered under its name. Default: with payload
   * ETHERNET and no matches. `false` when the service is made elsewhere, such as by a NetworkService resource.
   */
  readonly register?: false | { readonly payload?: "IP" | "ETHERNET"; readonly matches?: NetworkService["matches"] };
}

export interface EndpointBehaviour {
  /** Unique among all endpoints of the registry. */
  readonly name: string;
  readonly services: readonly (string | OfferedService)[];
  /**
   * CIDRs that client and endpoint get addresses from: each group gives a connection one pair, from the first CIDR of
   * it that has two free ones. A plain list is one group. Default: no addresses.
   */
  readonly cidrs?: readonly string[] | readonly (readonly string[])[];
  /** Drops addresses outside the CIDRs that a client brings along; default false. */
  readonly strictAddresses?: boolean;
  readonly dns?: readonly DNSConfig[];
  /** Refuses a second connection while there is one; default false. */
  readonly singleClient?: boolean;
  /** Path of the network namespace that interfaces go into; default this process's own. */
  readonly netns?: string;
  /** Makes the name of a connection's interface, at most 15 characters; default `<service>-<random>`. */
  readonly interfaceName?: (connectionId: string) => string;
  /** A client is accepted. Its interface follows: the forwarder makes it when it has our reply. An error refuses the client. */
  readonly onConnect?: (connection: Connection, options: { readonly signal: AbortSignal }) => void | Promise<void>;
  /** A connection is gone: closed, or its client did not come back in time. */
  readonly onDisconnect?: (connection: Connection) => void | Promise<void>;
  /** Chain elements of your own, below ours. */
  readonly elements?: readonly NetworkServiceElement[];
}

export interface EndpointHostOptions {
  /** The nsmgr of this node: `unix:///path` or `tcp://host:port`. */
  readonly connectTo: string;
  /** Of the program; default the name of its first endpoint. Its identity is made from it unless one is given. */
  readonly name?: string;
  /** URL of the socket; default a unix socket in a directory of its own. */
  readonly listenOn?: string;
  /** Default `insecureIdentity`: plain connections and unsigned tokens. */
  readonly identity?: Identity;
  /** Bound of registering, ms; default 15,000. */
  readonly requestTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface EndpointOptions extends EndpointHostOptions, EndpointBehaviour {
  readonly name: string;
}

/** Serves network services until closed. Closing unregisters it and ends its connections. */
export interface Endpoint extends Closable {
  readonly name: string;
  /** Where it listens. */
  readonly url: string;
  /** As this endpoint knows them; copies. */
  readonly connections: readonly Connection[];
}

/** Several endpoints on one socket; a call is for the endpoint that its connection names. */
export interface EndpointHost extends Closable {
  readonly url: string;
  /** @throws ALREADY_EXISTS for a name that this host serves; what the registry answers */
  add(behaviour: EndpointBehaviour, options?: { readonly signal?: AbortSignal }): Promise<Endpoint>;
}
