import type { Run } from "../transaction/run.ts";

export interface HistoryLimits {
  readonly record: boolean;
  readonly ageLimitMs: number;
  /** Transactions that began in this time after the start are kept for ever. */
  readonly initPeriodMs: number;
  /** Most finished transactions kept beyond those of the initial period. */
  readonly maxTransactions: number;
}

/** Transactions that run and that have run, by sequence number. */
export class TransactionHistory {
  readonly #limits: HistoryLimits;
  readonly #startMs: number;
  /** In order of sequence numbers. */
  readonly #runs = new Map<number, Run>();
  readonly #open = new Set<Run>();

  constructor(limits: HistoryLimits, startMs: number) {
    this.#limits = limits;
    this.#startMs = startMs;
  }

  get open(): ReadonlySet<Run> {
    return this.#open;
  }

  get size(): number {
    return this.#runs.size;
  }

  began(run: Run): void {
    this.#open.add(run);
    this.#runs.set(run.seqNum, run);
  }

  ended(run: Run): void {
    this.#open.delete(run);
    if (!this.#limits.record) this.#runs.delete(run.seqNum);
  }

  get(seqNum: number): Run | undefined {
    return this.#runs.get(seqNum);
  }

  /** Transactions that ran at some time in the window. */
  between(sinceMs: number, untilMs: number): Run[] {
    return [...this.#runs.values()].filter((run) => run.startMs <= untilMs && (run.stopMs ?? untilMs) >= sinceMs);
  }

  trim(nowMs: number): void {
    const kept: Run[] = [];
    for (const run of this.#runs.values()) {
      if (run.stopMs === undefined || run.startMs - this.#startMs <= this.#limits.initPeriodMs) continue;
      if (nowMs - run.stopMs > this.#limits.ageLimitMs) this.#runs.delete(run.seqNum);
      else kept.push(run);
    }
    for (const run of kept.slice(0, Math.max(0, kept.length - this.#limits.maxTransactions))) {
      this.#runs.delete(run.seqNum);
    }
  }
}
