import { type Logger, silentLogger } from "@nsmkit/core";
import type { RecordedTxnOp, Scheduler, TransactionOptions, TransactionResult } from "@nsmkit/scheduler";
import type { Item } from "./item.ts";
import { Problems } from "./problems.ts";
import { type Change, type Effect, Store } from "./store.ts";

/** Looks at a batch before anything of it is applied, and adds what is wrong. `merged` is what would be wanted after it. */
export type Check = (batch: readonly Item[], merged: ReadonlyMap<string, Item>, problems: Problems) => void;

export interface NorthboundOptions {
  readonly scheduler: Scheduler;
  readonly checks: readonly Check[];
  readonly logger?: Logger;
}

export interface ApplyOptions {
  /**
   * Read the system first and remove what nobody wants any more; default false. Needed at the start and when a source
   * is replaced on request.
   */
  readonly resync?: boolean;
  readonly description?: string;
  readonly revertOnFailure?: boolean;
}

/** A change under way. Everything in it was found valid. */
export interface Applied {
  readonly seqNum: number;
  /** Resolves when all its values are in place, pending or failed; a value that takes long makes this take long. */
  readonly settled: Promise<TransactionResult>;
}

/** What failed is tried again for ever: a network function has nobody watching who could declare it a second time. */
const retry = { periodMs: 1000, maxCount: 0, expBackoff: true, maxPeriodMs: 30_000 } as const;

/** Where all sources meet: checks each change as a whole, keeps it, and hands it to the scheduler. */
export class Northbound {
  readonly #scheduler: Scheduler;
  readonly #checks: readonly Check[];
  readonly #logger: Logger;
  #store = new Store();

  constructor(options: NorthboundOptions) {
    this.#scheduler = options.scheduler;
    this.#checks = options.checks;
    this.#logger = options.logger ?? silentLogger;
  }

  get store(): Store {
    return this.#store;
  }

  /** @throws CodedError INVALID_CONFIG with a line per wrong item */
  check(changes: readonly Change[]): void {
    this.#checked(changes);
  }

  /**
   * Applies changes as one transaction, or nothing of them.
   * @throws CodedError INVALID_CONFIG with a line per wrong item; nothing has been changed then
   */
  apply(changes: readonly Change[], options: ApplyOptions = {}): Applied {
    const before = this.#store;
    const after = this.#checked(changes);
    const effect: Effect = options.resync
      ? { set: [...after.merged.values()], deleted: [] }
      : after.effectSince(before, changes);
    this.#store = after;
    const transaction = this.#scheduler.transaction();
    for (const key of effect.deleted) transaction.delete(key);
    for (const item of effect.set) transaction.set(item.key, item.value);
    const started = transaction.start(transactionOptions(options));
    void started.settled.then(
      (result) => this.#report(result, after),
      (error: unknown) => this.#logger.debug("transaction ended with the scheduler", { error }),
    );
    return started;
  }

  /** What `apply` would do, without doing it. Throws as it does. */
  plan(changes: readonly Change[], options: ApplyOptions = {}): readonly RecordedTxnOp[] {
    const after = this.#checked(changes);
    const effect = after.effectSince(this.#store, changes);
    const transaction = this.#scheduler.transaction();
    for (const key of effect.deleted) transaction.delete(key);
    for (const item of effect.set) transaction.set(item.key, item.value);
    return transaction.plan(transactionOptions({ ...options, resync: false }));
  }

  #checked(changes: readonly Change[]): Store {
    const after = this.#store.with(changes);
    const batch = changes.flatMap((change) => change.put ?? []);
    const problems = new Problems();
    for (const check of this.#checks) check(batch, after.merged, problems);
    problems.throwIfAny();
    return after;
  }

  #report(result: TransactionResult, store: Store): void {
    for (const { key, operation, error } of result.errors) {
      const place = store.merged.get(key)?.place;
      this.#logger.error("operation failed", { key, operation, ...(place ? { place } : {}), error });
    }
    this.#logger.info("transaction settled", {
      transaction: result.seqNum,
      values: Object.keys(result.values).length,
      errors: result.errors.length,
    });
  }
}

function transactionOptions(options: ApplyOptions): TransactionOptions {
  return {
    retry,
    ...(options.resync ? { resync: "full" } : {}),
    ...(options.description ? { description: options.description } : {}),
    ...(options.revertOnFailure ? { revertOnFailure: true } : {}),
  };
}
