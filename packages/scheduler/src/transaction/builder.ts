import { abortError, CodedError } from "@nsmkit/core";
import type { RecordedTxnOp } from "../record.ts";
import type {
  CommitOptions,
  StartedTransaction,
  Transaction,
  TransactionOptions,
  TransactionResult,
} from "../transaction.ts";
import type { RunValue } from "./run.ts";

export interface TransactionDoor {
  plan(values: readonly RunValue[], options: TransactionOptions): readonly RecordedTxnOp[];
  start(values: readonly RunValue[], options: TransactionOptions): StartedTransaction;
  /** The result so far of a transaction under way. */
  soFar(seqNum: number): TransactionResult;
  after(delayMs: number, fn: () => void): { cancel(): void };
}

/** Collects the changes of a transaction; the last one per key counts. */
export class TransactionBuilder implements Transaction {
  readonly #door: TransactionDoor;
  readonly #values = new Map<string, unknown>();
  #started = false;

  constructor(door: TransactionDoor) {
    this.#door = door;
  }

  set(key: string, value: unknown): Transaction {
    if (value === undefined || value === null) {
      throw new CodedError("INVALID_ARGUMENT", `${key}: the value is missing; use delete(key) to remove it`);
    }
    return this.#put(key, value);
  }

  delete(key: string): Transaction {
    return this.#put(key, undefined);
  }

  #put(key: string, value: unknown): Transaction {
    if (key === "") throw new CodedError("INVALID_ARGUMENT", "the key of a value must not be empty");
    if (this.#started) throw new CodedError("FAILED_PRECONDITION", "the transaction has been started; begin another");
    this.#values.set(key, value);
    return this;
  }

  plan(options: TransactionOptions = {}): readonly RecordedTxnOp[] {
    checkOptions(options);
    return this.#door.plan(this.#changes(), options);
  }

  start(options: TransactionOptions = {}): StartedTransaction {
    checkOptions(options);
    if (this.#started) throw new CodedError("FAILED_PRECONDITION", "a transaction can be started only once");
    this.#started = true;
    return this.#door.start(this.#changes(), options);
  }

  async commit(options: CommitOptions = {}): Promise<TransactionResult> {
    if (options.signal?.aborted) throw abortError(options.signal, "commit");
    const { seqNum, settled } = this.start(options);
    return waitFor(settled, options, () => this.#door.soFar(seqNum), this.#door);
  }

  #changes(): RunValue[] {
    return [...this.#values].map(([key, value]) => ({ key, value, origin: "NB" as const }));
  }
}

function checkOptions({ resync, revertOnFailure, retry }: TransactionOptions): void {
  if (resync && revertOnFailure) {
    throw new CodedError("INVALID_ARGUMENT", "revertOnFailure cannot be combined with resync; drop one of them");
  }
  if (typeof retry !== "object") return;
  const { periodMs = 1, maxCount = 0, maxPeriodMs = 1 } = retry;
  if (!(periodMs > 0) || !(maxPeriodMs > 0)) {
    throw new CodedError("INVALID_ARGUMENT", "retry.periodMs and retry.maxPeriodMs must be above 0");
  }
  if (!Number.isInteger(maxCount) || maxCount < 0) {
    throw new CodedError("INVALID_ARGUMENT", "retry.maxCount must be a whole number, 0 for no limit");
  }
}

/** Waits for the end, the time or the signal, whichever is first. The transaction goes on in any case. */
function waitFor(
  settled: Promise<TransactionResult>,
  { waitMs, signal }: CommitOptions,
  soFar: () => TransactionResult,
  door: TransactionDoor,
): Promise<TransactionResult> {
  if (waitMs === undefined && !signal) return settled;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer?.cancel();
      if (signal) reject(abortError(signal, "waiting for the transaction"));
    };
    const timer = waitMs === undefined ? undefined : door.after(waitMs, () => done(() => resolve(soFar())));
    const done = (finish: () => void): void => {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
      finish();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    settled.then(
      (result) => done(() => resolve(result)),
      (error: unknown) => done(() => reject(error)),
    );
  });
}
