import { abortError, type Clock } from "@nsmkit/core";

export type SouthboundOperation = "create" | "update" | "delete";

export interface PerformedOperation {
  readonly operation: SouthboundOperation;
  readonly key: string;
  readonly outcome: "done" | "failed" | "running";
}

interface Plan {
  readonly operation: SouthboundOperation;
  readonly key: string;
  timesLeft: number;
  readonly error: Error;
  /** The operation takes effect although it fails. */
  readonly takesEffect: boolean;
}

/** A call that was told to hang. */
export interface HangingCall {
  /** Resolves when a call hangs here. */
  readonly reached: Promise<void>;
  /** Lets the call, and later ones, go on. */
  release(): void;
}

interface Hang {
  readonly operation: SouthboundOperation;
  readonly key: string;
  /** Does not even end when its signal is cancelled. */
  readonly deaf: boolean;
  readonly released: PromiseWithResolvers<void>;
  readonly reached: PromiseWithResolvers<void>;
}

/**
 * A southbound in memory: keeps what is put into it, remembers every operation in order, fails and hangs as told, and
 * notes whenever two operations on one key overlap (`violations`).
 */
export class FakeSouthbound {
  readonly values = new Map<string, unknown>();
  readonly violations: string[] = [];
  /** How long an operation takes, ms on `clock`; undefined: it is done when the call returns. */
  latencyMs: ((operation: SouthboundOperation, key: string) => number) | undefined = undefined;
  /** Called when an operation begins, for checks of order. */
  onBegin: ((operation: SouthboundOperation, key: string, value: unknown) => void) | undefined = undefined;
  readonly #clock: Clock | undefined;
  readonly #log: { operation: SouthboundOperation; key: string; outcome: PerformedOperation["outcome"] }[] = [];
  readonly #running = new Map<string, SouthboundOperation>();
  readonly #plans: Plan[] = [];
  readonly #hangs: Hang[] = [];

  constructor(clock?: Clock) {
    this.#clock = clock;
  }

  get operations(): readonly PerformedOperation[] {
    return this.#log;
  }

  /** Operations since the last call of this, as "create key" lines; failed ones end in " failed". */
  take(): string[] {
    const lines = this.#log.map(
      ({ operation, key, outcome }) => `${operation} ${key}${outcome === "done" ? "" : ` ${outcome}`}`,
    );
    this.#log.length = 0;
    return lines;
  }

  /** The next `times` (default 1) operations of this kind on this key fail. */
  fail(
    operation: SouthboundOperation,
    key: string,
    { times = 1, error = new Error(`${operation} of ${key} fails as planned`), takesEffect = false } = {},
  ): void {
    this.#plans.push({ operation, key, timesLeft: times, error, takesEffect });
  }

  /** Operations of this kind on this key hang until released; unless `deaf`, a cancelled signal ends them, too. */
  hang(operation: SouthboundOperation, key: string, { deaf = false } = {}): HangingCall {
    const released = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const hang: Hang = { operation, key, deaf, released, reached };
    this.#hangs.push(hang);
    return {
      reached: reached.promise,
      release: () => {
        this.#hangs.splice(this.#hangs.indexOf(hang), 1);
        released.resolve();
      },
    };
  }

  /** Does what a descriptor's create, update or delete does. Returns nothing if it is done at once, else a promise. */
  perform(operation: SouthboundOperation, key: string, value: unknown, signal: AbortSignal): void | Promise<void> {
    const other = this.#running.get(key);
    if (other) this.violations.push(`${operation} of ${key} began while its ${other} was running`);
    this.onBegin?.(operation, key, value);
    const entry = { operation, key, outcome: "running" as PerformedOperation["outcome"] };
    this.#log.push(entry);
    const hang = this.#hangs.find((planned) => planned.operation === operation && planned.key === key);
    const delayMs = this.latencyMs?.(operation, key);
    if (!hang && delayMs === undefined) {
      this.#end(entry, value);
      return;
    }
    this.#running.set(key, operation);
    return this.#wait(hang, delayMs, signal).then(
      () => {
        this.#running.delete(key);
        this.#end(entry, value);
      },
      (error: unknown) => {
        this.#running.delete(key);
        entry.outcome = "failed";
        throw error;
      },
    );
  }

  async #wait(hang: Hang | undefined, delayMs: number | undefined, signal: AbortSignal): Promise<void> {
    if (hang) {
      hang.reached.resolve();
      if (hang.deaf) await hang.released.promise;
      else await Promise.race([hang.released.promise, aborted(signal)]);
    }
    if (delayMs === undefined) return;
    if (this.#clock && delayMs > 0) await this.#clock.sleep(delayMs, { signal });
    else await Promise.resolve();
  }

  #end(
    entry: { operation: SouthboundOperation; key: string; outcome: PerformedOperation["outcome"] },
    value: unknown,
  ): void {
    const { operation, key } = entry;
    const plan = this.#plans.find((p) => p.operation === operation && p.key === key && p.timesLeft > 0);
    if (plan) plan.timesLeft--;
    if (!plan || plan.takesEffect) {
      if (operation === "create" && this.values.has(key)) this.violations.push(`create of ${key}, which exists`);
      if (operation === "delete") this.values.delete(key);
      else this.values.set(key, value);
    }
    entry.outcome = plan ? "failed" : "done";
    if (plan) throw plan.error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(abortError(signal, "the operation"));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
