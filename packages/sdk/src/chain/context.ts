import { type Clock, CodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { ServerCall } from "../transport/api.ts";
import type { Key } from "./key.ts";

export interface ContextOptions {
  readonly signal: AbortSignal;
  /** Wall-clock ms at which the caller stops waiting; undefined if it did not say. */
  readonly deadlineMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly call?: ServerCall;
}

interface Entry {
  readonly key: Key<unknown>;
  readonly value: unknown;
  readonly below: Entry | undefined;
}

/**
 * What goes down a chain with one call, beside the message. Immutable: `with` gives the elements below a context with
 * one more value and leaves the caller's own alone, so that a second try starts from a clean one.
 */
export class Context {
  readonly signal: AbortSignal;
  readonly deadlineMs: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The RPC being served; undefined in a client and in what a timer started. */
  readonly call: ServerCall | undefined;
  readonly #values: Entry | undefined;

  constructor(options: ContextOptions, values?: Entry) {
    this.signal = options.signal;
    this.deadlineMs = options.deadlineMs;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.call = options.call;
    this.#values = values;
  }

  with<T>(of: Key<T>, value: T): Context {
    return new Context(this, { key: of as Key<unknown>, value, below: this.#values });
  }

  /** The same values and clock under another signal and deadline. */
  withSignal(signal: AbortSignal, deadlineMs?: number): Context {
    const { clock, logger, call } = this;
    return new Context(
      { signal, clock, logger, ...(call && { call }), ...(deadlineMs !== undefined && { deadlineMs }) },
      this.#values,
    );
  }

  get<T>(of: Key<T>): T | undefined {
    for (let entry = this.#values; entry; entry = entry.below) if (entry.key === of) return entry.value as T;
    return undefined;
  }

  /** @throws INTERNAL when no element above has set it: the chain lacks an entry in some `requires` */
  require<T>(of: Key<T>): T {
    const value = this.get(of);
    if (value === undefined) throw new CodedError("INTERNAL", `no element of the chain provides "${of.name}"`);
    return value;
  }
}
