import type { Clock, Closable, Logger } from "@nsmkit/core";

/** What etcd keeps is bytes; text is written as UTF-8. What is read always comes as bytes, see `textOf`. */
export type Bytes = Uint8Array | string;

/** A key and what etcd knows of it (mvccpb.KeyValue). Revisions count the transactions of the whole store. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** When the key was created since it was last deleted. */
  readonly createRevision: bigint;
  /** When the value was last put. */
  readonly modRevision: bigint;
  /** 1 after creation, one more with every put. */
  readonly version: bigint;
  /** 0n without a lease. */
  readonly lease: bigint;
}

/** One key (without `end`), or all keys from `key` to before `end`. See `prefix`. */
export interface KeyRange {
  readonly key: Bytes;
  readonly end?: Bytes;
}

/** Every call that waits. Besides the signal each call but a watch has the client's operation timeout as its deadline. */
export interface EtcdCallOptions {
  readonly signal?: AbortSignal;
}

/** Of which store, and as of when, an answer is (etcdserverpb.ResponseHeader). */
export interface StoreState {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
  /** Grows with every election; a store that was restored from a file begins anew. */
  readonly raftTerm: bigint;
}

export interface Listing {
  /** The one revision that all of `kvs` is of; a watch from the next one misses nothing. */
  readonly revision: bigint;
  readonly store: StoreState;
  /** In the order of the keys' bytes. */
  readonly kvs: readonly KeyValue[];
}

export interface ListOptions extends EtcdCallOptions {
  /** As of an earlier revision; default now. @throws of the call: see `compactedRevision` */
  readonly revision?: bigint;
  /** Keys per request; default 1,000. All pages are of the same revision. */
  readonly pageSize?: number;
  /** Leave the values empty. */
  readonly keysOnly?: boolean;
}

/** A condition on one key. A key that does not exist has version, createRevision, modRevision and lease 0n. */
export type Compare = {
  readonly key: Bytes;
  /** Default "=". */
  readonly is?: "=" | "!=" | "<" | ">";
} & (
  | { readonly value: Bytes }
  | { readonly version: bigint }
  | { readonly modRevision: bigint }
  | { readonly createRevision: bigint }
  | { readonly lease: bigint }
);

export type Operation =
  | { readonly put: Bytes; readonly value: Bytes; readonly lease?: bigint }
  | { readonly delete: Bytes | KeyRange }
  | { readonly range: Bytes | KeyRange };

/** All or nothing, in one revision. A key may be put only once. etcd takes 128 operations by default (`maxTxnOps`). */
export interface Txn {
  /** All must hold; default none, which holds. */
  readonly compare?: readonly Compare[];
  /** Done when all conditions hold. */
  readonly success?: readonly Operation[];
  /** Done when a condition does not hold. */
  readonly failure?: readonly Operation[];
}

export type OperationResult =
  | { readonly kind: "put" }
  | { readonly kind: "delete"; readonly deleted: number }
  | { readonly kind: "range"; readonly kvs: readonly KeyValue[] };

export interface TxnResult {
  /** Whether `success` was done; else it was `failure`. */
  readonly succeeded: boolean;
  readonly revision: bigint;
  /** One per operation that was done, in order. */
  readonly results: readonly OperationResult[];
}

export interface WriteOptions extends EtcdCallOptions {
  /** Bind the key to a lease: it goes when the lease ends. */
  readonly lease?: bigint;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  /** Of a delete: only the key, and when it was deleted as `modRevision`. */
  readonly kv: KeyValue;
}

/**
 * What a watch tells. `created` comes first, once; `events` has ALL events of the range in one revision, never a part
 * of them; `progress` says that everything up to that revision has been told.
 */
export type WatchUpdate =
  | { readonly kind: "created"; readonly store: StoreState }
  | { readonly kind: "events"; readonly revision: bigint; readonly events: readonly WatchEvent[] }
  | { readonly kind: "progress"; readonly revision: bigint };

export interface WatchOptions extends EtcdCallOptions {
  /** First revision to tell of; default the next one. */
  readonly fromRevision?: bigint;
}

export interface Lease {
  readonly id: bigint;
  /** What the server granted, s. */
  readonly ttlSeconds: number;
}

/**
 * An etcd v3 store. `openEtcd` gives a real one, `MemoryEtcd` of `@nsmkit/agent/testing` one for tests.
 *
 * Errors of every call: UNAVAILABLE and DEADLINE_EXCEEDED when no endpoint answers in time, UNAUTHENTICATED,
 * PERMISSION_DENIED, RESOURCE_EXHAUSTED (out of space or too many requests), INVALID_ARGUMENT (the server refuses the
 * request), ABORTED by the signal, CLOSED.
 *
 * Reads, and transactions that are safe to repeat because a comparison guards each of them, are tried on the other
 * endpoints until the operation timeout. A write is sent once. When its fate is not known (it was sent, but no answer
 * came) the error says so: `outcomeUnknown(error)` is true, and a later read must tell.
 */
export interface Etcd extends Closable {
  /** For logs, without secrets: "127.0.0.1:2379,127.0.0.1:22379". */
  readonly name: string;
  get(key: Bytes, options?: EtcdCallOptions): Promise<KeyValue | undefined>;
  /** All keys of a range at one revision, however many pages that takes. */
  list(range: KeyRange, options?: ListOptions): Promise<Listing>;
  put(key: Bytes, value: Bytes, options?: WriteOptions): Promise<{ revision: bigint }>;
  delete(range: Bytes | KeyRange, options?: EtcdCallOptions): Promise<{ revision: bigint; deleted: number }>;
  txn(txn: Txn, options?: EtcdCallOptions): Promise<TxnResult>;
  /**
   * One watch on one connection. It ends with the signal (quietly), or throws: UNAVAILABLE when the connection or the
   * member is lost (begin again from the revision after the last one told), or an error for which
   * `compactedRevision(error)` is not undefined when the history it needs is gone. `follow` does all that.
   */
  watch(range: KeyRange, options?: WatchOptions): AsyncIterable<WatchUpdate>;
  /** Forgets history before a revision. */
  compact(revision: bigint, options?: EtcdCallOptions): Promise<void>;
  leaseGrant(ttlSeconds: number, options?: EtcdCallOptions): Promise<Lease>;
  /** Once. @returns the time that the lease has from now, s. @throws NOT_FOUND when it has ended */
  leaseKeepAlive(id: bigint, options?: EtcdCallOptions): Promise<number>;
  /** Ends a lease and deletes its keys. @throws NOT_FOUND */
  leaseRevoke(id: bigint, options?: EtcdCallOptions): Promise<void>;
}

/** Server's default of --max-txn-ops. */
export const maxTxnOps = 128;

export interface EtcdTls {
  /** PEM of the authorities that the server's certificate must come from; default those of the system. */
  readonly ca?: string;
  /** PEM of our certificate (chain) and its key, when the server wants one. */
  readonly cert?: string;
  readonly key?: string;
  /** Take any certificate; default false. */
  readonly skipVerify?: boolean;
}

export interface EtcdOptions {
  /** `host:port`, `http://host:port`, `https://host:port`, `unix:///path`, `unixs:///path`. At least one. */
  readonly endpoints: readonly string[];
  /** For all endpoints but those that say http:// or unix:// themselves. An endpoint with https:// has TLS also without this. */
  readonly tls?: EtcdTls;
  readonly user?: string;
  readonly password?: string;
  /** One connection attempt, ms; default 1000. */
  readonly dialTimeoutMs?: number;
  /** One call, all attempts together, ms; default 3000. */
  readonly operationTimeoutMs?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * A lease that is kept alive, and replaced by a new one after it was lost (the server was away for too long, or came
 * back without it). Keys of the old lease are gone then: whoever owns some puts them again when told.
 */
export interface Session extends Closable {
  /** The lease in force; undefined while there is none. */
  readonly lease: bigint | undefined;
  /** Told of every new lease and of every loss (undefined), at once of the present one if there is. @returns stops that */
  onLease(listener: (lease: bigint | undefined) => void): () => void;
}

/**
 * What `follow` tells: first a snapshot, then every change, one update per revision. A snapshot comes again when the
 * changes in between cannot be told any more: the history was compacted, or the store is another one or may be
 * (restored from a backup, a new leader). It is all there is; what it lacks was deleted.
 */
export type FollowUpdate =
  | { readonly kind: "snapshot"; readonly revision: bigint; readonly kvs: readonly KeyValue[] }
  | { readonly kind: "events"; readonly revision: bigint; readonly events: readonly WatchEvent[] };
