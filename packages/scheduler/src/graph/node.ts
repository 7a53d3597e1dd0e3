import type { SouthboundCall } from "../engine/call.ts";
import type { RegisteredDescriptor } from "../registry.ts";
import type { Run } from "../transaction/run.ts";
import type { KeyValue, TxnOperation, ValueOrigin, ValueState } from "../value.ts";
import { type Dep, type DepSet, noDeps } from "./dependency.ts";

/** Retry options with all defaults filled in. */
export interface RetryPolicy {
  readonly periodMs: number;
  readonly maxCount: number;
  readonly expBackoff: boolean;
  readonly maxPeriodMs: number;
}

/** Who wants the value to be as it is wanted, and what to do when that fails. */
export interface Intent {
  readonly seqNum: number;
  readonly retry: RetryPolicy | undefined;
  readonly revert: boolean;
}

/** The last operation failed; it is not repeated before something clears this. */
export interface Failure {
  readonly operation: TxnOperation;
  readonly error: unknown;
  readonly state: "FAILED" | "RETRYING";
}

/** What was said of a value before something happened to it. */
export interface Before {
  readonly state: ValueState;
  readonly value: unknown;
  readonly error: unknown;
}

export const noRuns: readonly Run[] = [];

/** What the scheduler knows about one key. Only graph/ and engine/ change it. */
export class Node {
  readonly key: string;
  label: string;
  descriptor: RegisteredDescriptor | undefined = undefined;
  /** Two descriptors answer for the key. */
  unusableKey: { readonly error: unknown } | undefined = undefined;

  // What is wanted.
  origin: ValueOrigin = "UNKNOWN";
  /** undefined: nothing. */
  wanted: unknown = undefined;
  intent: Intent | undefined = undefined;
  base: Node | undefined = undefined;
  /** Whether `invalid`, `needs` and `wantedClaims` are those of `wanted`. */
  resolved = false;
  invalid: { readonly error: unknown } | undefined = undefined;
  needs: DepSet = noDeps;
  wantedClaims: readonly string[] = [];
  /** Metadata that came with a southbound notification, for when it is taken over. */
  notifiedMetadata: unknown = undefined;

  // What is southbound, as far as is known.
  exists = false;
  value: unknown = undefined;
  metadata: unknown = undefined;
  bound: DepSet = noDeps;
  claims: readonly string[] = [];
  /** An operation failed half-way and nothing can tell what it did: the next one must not trust `value`. */
  uncertain: "UPDATE" | "DELETE" | undefined = undefined;
  /** Result of the last comparison, valid for exactly these two values. */
  compared: { readonly value: unknown; readonly wanted: unknown; readonly same: boolean } | undefined = undefined;

  // What others may build on.
  /** Others may depend on it. */
  available = false;
  /** Offered to any-of dependencies. */
  indexed = false;
  /** On its way out: no longer available, waiting for what builds on it, or for its own delete. */
  leaving = false;
  /** While leaving: something that must go first could not be removed and is at rest. */
  someStuck = false;
  /** Bound dependencies of other values that stand on this node. */
  reliants = 0;
  dependants: Set<Dep> | undefined = undefined;
  witnessOf: Set<Dep> | undefined = undefined;
  derived: Map<string, Node> | undefined = undefined;
  /** Derived nodes that are no longer wanted but still there. */
  derivedLeaving = 0;
  /** The applied value, and the intent, whose derived values are wanted. */
  derivedFor: unknown = undefined;
  derivedIntent: Intent | undefined = undefined;
  /** During an update: what will be derived from the new value. */
  derivedNext: { readonly of: unknown; readonly pairs: readonly KeyValue[] } | undefined = undefined;
  /** May be part of a dependency cycle; see cycle.ts. */
  mayCycle = false;
  /** Something that members of its circle go by has changed since it last was at rest. */
  unsettledCircle = false;

  // Progress.
  dirty = false;
  /** How often it was decided about in drain number `decidedIn`. */
  decided = 0;
  decidedIn = 0;
  /** Something is being done or about to be done; false: at rest. */
  inMotion = false;
  /** Not ready only because of dependencies that are themselves in motion. */
  awaiting = false;
  /** Number of refreshes that must end before anything is decided. */
  held = 0;
  call: SouthboundCall | undefined = undefined;
  /** A call that failed and may yet have done something; what it needed stays reserved until that has been read back. */
  unsure: SouthboundCall | undefined = undefined;
  failure: Failure | undefined = undefined;
  /** Failed attempts at the current intent. */
  attempts = 0;
  /** Try again as soon as the overdue call returns. */
  retryOnReturn = false;
  /** A revert gives the value back to the southbound that it was taken over from. */
  handBack = false;
  /** The delete under way makes room for a create of the same key. */
  recreating = false;
  /** A delete failed for good: whoever waited for it goes ahead. */
  givenUp = false;
  waitingForClaim: string | undefined = undefined;
  waiters: readonly Run[] = noRuns;
  cause: Run | undefined = undefined;
  /** Graph tick of the last change of what is southbound; tells a stale retrieve from a fresh one. */
  changedAt = 0;

  // Status.
  state: ValueState = "NONEXISTENT";
  error: unknown = undefined;
  lastOperation: TxnOperation = "UNDEFINED";
  /** The state that PENDING stands in front of while the value waits for something under way. */
  beforeWaiting: Before | undefined = undefined;

  constructor(key: string) {
    this.key = key;
    this.label = key;
  }

  /** Derived and without southbound calls: a property. */
  get isProperty(): boolean {
    return this.base !== undefined && this.descriptor === undefined;
  }
}
