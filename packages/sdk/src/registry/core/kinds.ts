import { clone, create } from "@bufbuild/protobuf";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  type NetworkServiceEndpointQuery,
  NetworkServiceEndpointQuerySchema,
  type NetworkServiceEndpointResponse,
  NetworkServiceEndpointResponseSchema,
  NetworkServiceEndpointSchema,
  type NetworkServiceQuery,
  NetworkServiceQuerySchema,
  type NetworkServiceResponse,
  NetworkServiceResponseSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";
import type { Element, Handler } from "../../chain/index.ts";

/** Registrations of network services: request = Register, close = Unregister, find = Find. */
export interface NsKind {
  readonly request: NetworkService;
  readonly reply: NetworkService;
  readonly closing: NetworkService;
  readonly query: NetworkServiceQuery;
  readonly found: NetworkServiceResponse;
}

/** Registrations of network service endpoints. */
export interface NseKind {
  readonly request: NetworkServiceEndpoint;
  readonly reply: NetworkServiceEndpoint;
  readonly closing: NetworkServiceEndpoint;
  readonly query: NetworkServiceEndpointQuery;
  readonly found: NetworkServiceEndpointResponse;
}

export type RegistryKind = NsKind | NseKind;
export type NsElement = Element<NsKind>;
export type NseElement = Element<NseKind>;
export type NsHandler = Handler<NsKind>;
export type NseHandler = Handler<NseKind>;

/** Both registries of one place. */
export interface Registry {
  readonly services: NsHandler;
  readonly endpoints: NseHandler;
}

/** What an element that serves both kinds must know of one. Entries that come from a store are shared: copy before changing. */
export interface EntryRules<K extends RegistryKind> {
  readonly kind: "service" | "endpoint";
  /** For messages. */
  readonly noun: string;
  copy(entry: K["request"]): K["request"];
  /** The pattern of a query; an empty entry if the query has none. */
  pattern(query: K["query"]): K["request"];
  query(pattern: K["request"], watch: boolean): K["query"];
  found(entry: K["request"], deleted: boolean): K["found"];
  /** undefined for a message without an entry, which no registry sends. */
  entry(found: K["found"]): K["request"] | undefined;
  /** Every name by which the entry may belong to another mesh. */
  names(entry: K["request"]): readonly string[];
}

export const nsRules: EntryRules<NsKind> = {
  kind: "service",
  noun: "network service",
  copy: (entry) => clone(NetworkServiceSchema, entry),
  pattern: (query) => query.networkService ?? create(NetworkServiceSchema),
  query: (networkService, watch) => create(NetworkServiceQuerySchema, { networkService, watch }),
  found: (networkService, deleted) => create(NetworkServiceResponseSchema, { networkService, deleted }),
  entry: (found) => found.networkService,
  names: (entry) => [entry.name],
};

export const nseRules: EntryRules<NseKind> = {
  kind: "endpoint",
  noun: "network service endpoint",
  copy: (entry) => clone(NetworkServiceEndpointSchema, entry),
  pattern: (query) => query.networkServiceEndpoint ?? create(NetworkServiceEndpointSchema),
  query: (networkServiceEndpoint, watch) =>
    create(NetworkServiceEndpointQuerySchema, { networkServiceEndpoint, watch }),
  found: (networkServiceEndpoint, deleted) =>
    create(NetworkServiceEndpointResponseSchema, { networkServiceEndpoint, deleted }),
  entry: (found) => found.networkServiceEndpoint,
  names: (entry) => [entry.name, ...entry.networkServiceNames],
};
