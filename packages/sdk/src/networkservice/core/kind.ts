import type { Connection, NetworkServiceRequest } from "@nsmkit/api/networkservice";
import type { Element, Handler } from "../../chain/element.ts";

/** Connections: request takes a NetworkServiceRequest and gives the Connection; nothing to find. */
export interface NetworkServiceKind {
  readonly request: NetworkServiceRequest;
  readonly reply: Connection;
  readonly closing: Connection;
  readonly query: never;
  readonly found: never;
}

export type NetworkServiceElement = Element<NetworkServiceKind>;
export type NetworkServiceHandler = Handler<NetworkServiceKind>;
