import type { Clock } from "@nsmkit/core";
import type { SouthboundCall } from "./engine/call.ts";
import type { TxnType } from "./record.ts";
import type { Run } from "./transaction/run.ts";
import { TxnOperation, ValueState } from "./value.ts";

/** How often something was called and how long it took, s. */
export interface CallStats {
  readonly name: string;
  readonly count: number;
  readonly total: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
}

/** Body of GET /scheduler/stats, with the original's field names. */
export interface SchedulerStats {
  readonly TxnStats: {
    readonly TotalProcessed: number;
    readonly OperationCount: Readonly<Record<string, number>>;
    readonly ValueStateCount: Readonly<Record<string, number>>;
    readonly ErrorCount: number;
    readonly Methods: readonly CallStats[];
  };
  readonly GraphMethods: readonly CallStats[];
  readonly AllDescriptors: readonly CallStats[];
  readonly Descriptors: Readonly<Record<string, readonly CallStats[]>>;
}

/** Observed durations: `counts[i]` is the number of those of at most `buckets[i]` seconds (cumulative). */
export interface Histogram {
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Values of the original's `ligato_kvscheduler_*` metrics, for the agent to export. */
export interface SchedulerMetrics {
  readonly txnProcessed: number;
  /** Always 0: nothing is ever dropped. Kept because dashboards ask for it. */
  readonly txnDropped: number;
  /** Infinity: the queue has no limit. */
  readonly queueCapacity: number;
  /** Transactions that have begun and not settled. */
  readonly queueLength: number;
  /** From the call of `start` to the first operation. */
  readonly queueWaitSeconds: Readonly<Partial<Record<TxnType, Histogram>>>;
  /** Slices `simulateTransaction`, `beginTransaction` (up to the first calls), `executeTransaction` (until settled). */
  readonly txnProcessDurationSeconds: Readonly<Record<string, Histogram>>;
  /** From the start until settled. */
  readonly txnDurationSeconds: Readonly<Partial<Record<TxnType, Histogram>>>;
  /** Southbound calls running now. */
  readonly callsRunning: number;
  /** Values waiting to be retried. */
  readonly retriesWaiting: number;
  /** Keys in the graph: known values, and keys that known values depend on. */
  readonly keysKnown: number;
}

/** Upper bounds, s: the default buckets of the Prometheus client libraries. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

class Observations {
  readonly #counts = buckets.map(() => 0);
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;

  add(seconds: number): void {
    this.count++;
    this.sum += seconds;
    this.min = Math.min(this.min, seconds);
    this.max = Math.max(this.max, seconds);
    for (let i = buckets.length - 1; i >= 0 && seconds <= (buckets[i] ?? 0); i--)
      this.#counts[i] = (this.#counts[i] ?? 0) + 1;
  }

  histogram(): Histogram {
    return { buckets, counts: [...this.#counts], count: this.count, sum: this.sum };
  }

  stats(name: string): CallStats {
    const { count, sum, min, max } = this;
    return { name, count, total: round(sum), avg: round(sum / count), min: round(min), max: round(max) };
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

class Table {
  readonly #rows = new Map<string, Observations>();

  add(name: string, seconds: number): void {
    let row = this.#rows.get(name);
    if (!row) {
      row = new Observations();
      this.#rows.set(name, row);
    }
    row.add(seconds);
  }

  histograms(): Record<string, Histogram> {
    return Object.fromEntries([...this.#rows].map(([name, row]) => [name, row.histogram()]));
  }

  /** Most frequent first. */
  stats(): CallStats[] {
    return [...this.#rows].map(([name, row]) => row.stats(name)).sort((a, b) => b.count - a.count);
  }
}

/** Counts what the scheduler does. */
export class Statistics {
  readonly #clock: Clock;
  readonly #operations: Record<string, number> = {};
  readonly #states: Record<string, number> = {};
  readonly #all = new Table();
  readonly #perDescriptor = new Map<string, Table>();
  readonly #slices = new Table();
  readonly #durations = new Table();
  readonly #waits = new Table();
  #processed = 0;
  #errors = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    for (const operation of Object.keys(TxnOperation).slice(2)) this.#operations[operation] = 0;
    for (const state of Object.keys(ValueState)) this.#states[state] = 0;
  }

  called(call: SouthboundCall, what: "began" | "ended"): void {
    const now = this.#clock.monotonic();
    if (what === "began") {
      call.startedMs = now;
      return;
    }
    const name = call.operation.charAt(0) + call.operation.slice(1).toLowerCase();
    this.timed(call.node.descriptor?.name ?? "", name, (now - call.startedMs) / 1000);
  }

  /** A call of a descriptor that took `seconds`. */
  timed(descriptor: string, method: string, seconds: number): void {
    this.#all.add(method, seconds);
    let table = this.#perDescriptor.get(descriptor);
    if (!table) {
      table = new Table();
      this.#perDescriptor.set(descriptor, table);
    }
    table.add(method, seconds);
  }

  slice(name: string, sinceMs: number): void {
    this.#slices.add(name, (this.#clock.monotonic() - sinceMs) / 1000);
  }

  waited(type: TxnType, seconds: number): void {
    this.#waits.add(type, seconds);
  }

  settled(run: Run, seconds: number): void {
    this.#processed++;
    this.#durations.add(run.type, seconds);
    this.#slices.add("executeTransaction", seconds);
    for (const op of run.ops) {
      if (!op) continue;
      if (op.newError !== undefined) this.#errors++;
      this.#operations[op.operation] = (this.#operations[op.operation] ?? 0) + 1;
      this.#states[op.newState] = (this.#states[op.newState] ?? 0) + 1;
    }
  }

  stats(): SchedulerStats {
    return {
      TxnStats: {
        TotalProcessed: this.#processed,
        OperationCount: { ...this.#operations },
        ValueStateCount: { ...this.#states },
        ErrorCount: this.#errors,
        Methods: this.#slices.stats(),
      },
      GraphMethods: [],
      AllDescriptors: this.#all.stats(),
      Descriptors: Object.fromEntries([...this.#perDescriptor].map(([name, table]) => [name, table.stats()])),
    };
  }

  metrics(now: {
    queueLength: number;
    callsRunning: number;
    retriesWaiting: number;
    keysKnown: number;
  }): SchedulerMetrics {
    return {
      txnProcessed: this.#processed,
      txnDropped: 0,
      queueCapacity: Number.POSITIVE_INFINITY,
      queueWaitSeconds: this.#waits.histograms(),
      txnProcessDurationSeconds: this.#slices.histograms(),
      txnDurationSeconds: this.#durations.histograms(),
      ...now,
    };
  }
}
