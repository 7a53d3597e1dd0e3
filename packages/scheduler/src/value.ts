/**
 * States of a value, with the names and numbers of `ligato.kvscheduler.ValueState`.
 * The numbers matter only to whoever fills the protobuf enum; inside nsmkit a state is its name.
 */
export const ValueState = {
  /** Deleted, or never heard of. */
  NONEXISTENT: 0,
  /** Was configured, but a refresh did not find it southbound. */
  MISSING: 1,
  /** Wanted by northbound, but no descriptor claims the key; tried again when one is registered. */
  UNIMPLEMENTED: 2,
  /** Just removed. Watchers see it once, then the value is NONEXISTENT. */
  REMOVED: 3,
  /** Wanted by northbound and in place. */
  CONFIGURED: 4,
  /** Exists southbound without northbound having asked: notified or retrieved. */
  OBTAINED: 5,
  /** Found by a refresh and known to be northbound's, but not confirmed by northbound since. */
  DISCOVERED: 6,
  /** Wanted, but not in place: a dependency is unmet or the call is still running (see `details`). */
  PENDING: 7,
  /** Refused by the descriptor's validation. What was configured before, if anything, stays as it is. */
  INVALID: 8,
  /** The last operation failed and is not going to be repeated. */
  FAILED: 9,
  /** The last operation failed and will be repeated. */
  RETRYING: 10,
} as const;
export type ValueState = keyof typeof ValueState;

/** Operations on a value, with the names and numbers of `ligato.kvscheduler.TxnOperation`. */
export const TxnOperation = { UNDEFINED: 0, VALIDATE: 1, CREATE: 2, UPDATE: 3, DELETE: 4 } as const;
export type TxnOperation = keyof typeof TxnOperation;

/** Where a value comes from, with the numbers that the original prints in its JSON. */
export const ValueOrigin = { UNKNOWN: 0, NB: 1, SB: 2 } as const;
export type ValueOrigin = keyof typeof ValueOrigin;

/**
 * Whose eyes a dump is seen with: `SB` asks the descriptors now, `NB` is what northbound wants, `cached` is what the
 * scheduler believes to be southbound.
 */
export type View = "SB" | "NB" | "cached";

/** A key and its value. The value is opaque: the scheduler hands it on and compares it through the descriptor. */
export interface KeyValue<V = unknown> {
  readonly key: string;
  readonly value: V;
}

/** `ligato.kvscheduler.ValueStatus` with its protobuf field names; a field is absent where proto3 JSON omits it. */
export interface ValueStatus {
  readonly key: string;
  readonly state: ValueState;
  /** Message of the last operation's error. */
  readonly error?: string;
  readonly last_operation?: TxnOperation;
  /** INVALID: the fields refused. PENDING: labels of unmet dependencies. A running call: "create in progress". */
  readonly details?: readonly string[];
}

/** `ligato.kvscheduler.BaseValueStatus`: a base value and the values derived from it, sorted by key. */
export interface BaseValueStatus {
  readonly value: ValueStatus;
  readonly derived_values?: readonly ValueStatus[];
}
