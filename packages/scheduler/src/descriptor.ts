import { CodedError } from "@nsmkit/core";
import type { KeyValue, ValueOrigin } from "./value.ts";

/**
 * Which keys a descriptor answers for: those that begin with `prefix` (with `exact`: the one key equal to it) and, if
 * `matches` is given, pass it. `matches` must be pure and quick: it runs once for every new key below the prefix.
 * Keep the prefix as long as the keys allow, so that other descriptors' keys never reach `matches`.
 */
export interface KeySelector {
  readonly prefix: string;
  readonly exact?: boolean;
  matches?(key: string): boolean;
}

/** A value that must exist before the value that names it can be created. Give either `key` or `anyOf`. */
export interface Dependency {
  /** Short text for people, unique in one value's list; shown in `details` of a PENDING value. */
  readonly label: string;
  /** This very key must exist. */
  readonly key?: string;
  /**
   * At least one existing key must begin with one of `keyPrefixes` (default: any key at all, which is slow: every key
   * of the system is offered to the selector) and pass `keySelector`, if given.
   */
  readonly anyOf?: { readonly keyPrefixes?: readonly string[]; keySelector?(key: string): boolean };
}

/** What a descriptor reports from the southbound for one base value. */
export interface RetrievedValue<V = unknown, M = unknown> extends KeyValue<V> {
  readonly metadata?: M;
  /** Default UNKNOWN: the scheduler then looks at the correlated values, then at the key's history, else assumes SB. */
  readonly origin?: ValueOrigin;
}

export interface RetrieveRequest<V = unknown, M = unknown> {
  /**
   * Only these keys are wanted (refresh after a failed or unfinished operation). A descriptor that cannot look up
   * single values may ignore the list and return everything: what was not asked for is dropped. Absent: everything.
   */
  readonly keys?: readonly string[];
  /**
   * Values to compare with, so that a descriptor can tell its own objects from foreign ones and fill in what the
   * southbound does not store: at the first resync what northbound wants, later what is believed to be there.
   */
  readonly correlate: readonly RetrievedValue<V, M>[];
}

/** The last argument of every call that reaches the southbound. */
export interface CallOptions {
  /**
   * Cancelled when the call's time is up (reason: CodedError DEADLINE_EXCEEDED), when the value is to be deleted or
   * replaced by a later transaction (ABORTED), or when the scheduler closes (CLOSED). A call that heeds it should undo
   * what it began, or leave it to `retrieve` to be found, and throw. A quick call need not look at it.
   */
  readonly signal: AbortSignal;
}

/**
 * Teaches the scheduler one kind of value: how to check it, put it in place, change it, take it away and read it back.
 *
 * Calls that reach the southbound (`create`, `update`, `delete`, `retrieve`) may be slow and may return their result
 * directly or as a promise; each gets a signal as its last argument and is bounded by `timeoutMs`. All other members
 * are pure functions of their arguments: no I/O, no memory, same answer every time.
 *
 * The scheduler never runs two calls for one key at the same time (`retrieve` apart), but it does run calls for
 * different keys at the same time, also of one descriptor. Order between keys comes from dependencies, derivation and
 * claims, and from nothing else.
 */
export interface Descriptor<V = unknown, M = unknown> {
  /** Unique, for example `linux-interface`. Shown in dumps, the graph and metrics. */
  readonly name: string;
  /** Keys of base and derived values that this descriptor handles; no key may have two descriptors. */
  readonly keySelector: KeySelector;
  /** Prefix under which northbound stores these values; absent for values that only ever get derived. */
  readonly nbKeyPrefix?: string;
  /** Short name of a value within this descriptor; names metadata entries. Default: the key. */
  keyLabel?(key: string): string;
  /** How a value is shown in history, dumps and logs: something JSON can carry. Default: the scheduler's `describeValue`. */
  describeValue?(value: V, key: string): unknown;
  /** Whether two values mean the same configuration. Default: deep strict equality (node:util). Throwing counts as no. */
  equal?(oldValue: V, newValue: V, key: string): boolean;
  /**
   * Throws if the value can never be configured: it becomes INVALID. Throw `invalidValue(message, fields)` to name the
   * fields. Runs before every create and update of a northbound value or of one derived from it, and in dry runs.
   */
  validate?(key: string, value: V): void;

  /**
   * Puts the value in place. Absent (with `delete` and `update`): the value is a property, which exists as soon as its
   * dependencies are met and exists only for others to depend on.
   * When it throws, nothing may be left behind that `retrieve` would not find.
   * @returns metadata for this value, kept if `withMetadata`
   */
  create?(change: { key: string; value: V }, options: CallOptions): M | undefined | Promise<M | undefined>;
  /** Takes the value away. Something that is already gone is a success. Required if `create` is given. */
  delete?(change: { key: string; value: V; metadata: M | undefined }, options: CallOptions): void | Promise<void>;
  /**
   * Changes the value in place. Absent: any change is a delete followed by a create.
   * @returns the new metadata; undefined keeps the old
   */
  update?(
    change: { key: string; oldValue: V; newValue: V; metadata: M | undefined },
    options: CallOptions,
  ): M | undefined | Promise<M | undefined>;
  /** True if this change needs delete and create although there is an `update`. */
  updateWithRecreate?(change: { key: string; oldValue: V; newValue: V; metadata: M | undefined }): boolean;
  /**
   * Every base value of this descriptor that really exists southbound now. Derived values follow from `derivedValues`,
   * so a retrieved value must not derive what does not exist.
   * Absent: the scheduler has to trust its memory for these values.
   */
  retrieve?(
    request: RetrieveRequest<V, M>,
    options: CallOptions,
  ): readonly RetrievedValue<V, M>[] | Promise<readonly RetrievedValue<V, M>[]>;
  /** Names of descriptors that must have been retrieved before this one, for example because it reads their metadata. */
  readonly retrieveDependencies?: readonly string[];

  /**
   * Values that follow from this one and live as long as it does: its properties, or actions with dependencies of
   * their own. One level only; the keys must not be used by base values.
   */
  derivedValues?(key: string, value: V): readonly KeyValue[];
  /** What must exist before this value (all of it). When a dependency goes, this value is removed first and PENDING. */
  dependencies?(key: string, value: V): readonly Dependency[];
  /**
   * Names of things only one value can have at a time, in one name space for all descriptors, for example
   * `host-interface/<netns>/eth0` or a route's destination and metric. A create or update waits while a value that is
   * being removed or changed still holds one of its claims; if the holder stays, the newcomer FAILs with CONFLICT and
   * is tried again as soon as the claim is free. Without claims nothing makes an unrelated delete finish before a create.
   */
  claims?(key: string, value: V): readonly string[];

  /** Whether repeating a failed call can help. Default: false for a CodedError with `retryable: false` and one of the codes INVALID_ARGUMENT, INVALID_CONFIG, UNSUPPORTED; true for all else. */
  isRetriableFailure?(error: unknown): boolean;

  /** Keep what `create` and `update` return, hand it to later calls, and offer it by label (`scheduler.metadata`). Base values only. */
  readonly withMetadata?: boolean;
  /** Secondary indexes of the metadata map: field name to the values under which this entry can be found. */
  metadataFields?(label: string, metadata: M): Readonly<Record<string, readonly string[]>>;

  /** Longest time for one call, ms, > 0. Default: the scheduler's `callTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Calls of this descriptor that may run at once, >= 1; default no limit. With a limit, a slow call can delay others of this descriptor. */
  readonly concurrency?: number;
}

/** Selector of all keys that begin with `prefix` and, if given, pass `matches`. */
export function keyPrefix(prefix: string, matches?: (key: string) => boolean): KeySelector {
  return matches ? { prefix, matches } : { prefix };
}

/** Selector of one single key. */
export function exactKey(key: string): KeySelector {
  return { prefix: key, exact: true };
}

/** The error for `validate` to throw: `fields` are the offending fields' paths as users write them. */
export function invalidValue(message: string, fields: readonly string[]): CodedError {
  return new CodedError("INVALID_CONFIG", message, { retryable: false, details: { fields } });
}
