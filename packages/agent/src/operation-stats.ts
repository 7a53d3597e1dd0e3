import type { Clock } from "@nsmkit/core";

/** Calls of one kind; times in s, rounded to ms (ligato/vpp-agent pkg/metrics). */
export interface OperationCounts {
  readonly name?: string;
  readonly count: number;
  readonly total: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
}

/** How often the configurator was asked for what, and how long it took. */
export class OperationStats {
  readonly #clock: Clock;
  readonly #operations = new Map<string, { count: number; total: number; min: number; max: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async track<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      const took = (this.#clock.monotonic() - startMs) / 1000;
      const { count, total, min, max } = this.#operations.get(name) ?? { count: 0, total: 0, min: took, max: took };
      this.#operations.set(name, {
        count: count + 1,
        total: total + took,
        min: Math.min(min, took),
        max: Math.max(max, took),
      });
    }
  }

  /** Field names of the original's GET /stats/configurator. */
  read(): { AllOperations: OperationCounts; Operations: OperationCounts[] } {
    const rows = [...this.#operations].map(([name, row]) => ({ name, ...row }));
    const sum = rows.reduce(
      (all, row) => ({
        count: all.count + row.count,
        total: all.total + row.total,
        min: Math.min(all.min, row.min),
        max: Math.max(all.max, row.max),
      }),
      { count: 0, total: 0, min: Number.POSITIVE_INFINITY, max: 0 },
    );
    return {
      AllOperations: shown({ ...sum, min: sum.count === 0 ? 0 : sum.min }),
      Operations: rows.sort((a, b) => b.count - a.count).map((row) => ({ name: row.name, ...shown(row) })),
    };
  }
}

function shown(row: { count: number; total: number; min: number; max: number }): OperationCounts {
  const rounded = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    count: row.count,
    total: rounded(row.total),
    avg: rounded(row.total / Math.max(1, row.count)),
    min: rounded(row.min),
    max: rounded(row.max),
  };
}
