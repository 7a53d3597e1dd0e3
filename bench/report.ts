/** Figures of benchmarks: how they are summed up, printed, and handed to `bench/main.ts`. */
import { appendFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** One measured thing. `value` of lower-is-better units (ms, us, MiB) and of rates alike; the unit says which. */
export interface Row {
  /** Name of the benchmark, that of its file. */
  readonly bench: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** How far the runs are apart, such as quartiles: "0.9-1.2". */
  readonly spread?: string;
  /** What it is compared with, measured in the same run, and its figure in the same unit. */
  readonly rival?: { readonly name: string; readonly value: number };
  /** What it must be: "<= 50", ">= 200", "= 0". */
  readonly budget?: string;
}

/** The value below which `part` (0..1) of the samples lie; NaN without samples. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Median and the range of the middle half. */
export function summary(samples: readonly number[]): { readonly value: number; readonly spread: string } {
  return { value: median(samples), spread: `${short(quantile(samples, 0.25))}-${short(quantile(samples, 0.75))}` };
}

/** Three significant digits, no exponent. */
export function short(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** Whether a value keeps a budget; undefined without one. */
export function keeps({ value, budget }: Pick<Row, "value" | "budget">): boolean | undefined {
  const [, relation, limit] = /^(<=|>=|<|>|=) *([\d.]+)$/.exec(budget ?? "") ?? [];
  if (limit === undefined) return undefined;
  const bound = Number(limit);
  if (relation === "<=") return value <= bound;
  if (relation === ">=") return value >= bound;
  if (relation === "<") return value < bound;
  return relation === ">" ? value > bound : value === bound;
}

export const machine = (): string =>
  `${cpus()[0]?.model.trim() ?? "?"} x ${cpus().length}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node.js ${process.version}`;

const columns = ["what", "value", "unit", "spread", "rival", "ratio", "budget"] as const;

/** A table for people. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const kept = keeps(row);
    return [
      row.what,
      short(row.value),
      row.unit,
      row.spread ?? "",
      row.rival ? `${row.rival.name} ${short(row.rival.value)}` : "",
      row.rival ? short(row.value / row.rival.value) : "",
      row.budget === undefined ? "" : `${row.budget}${kept === undefined ? "" : kept ? " kept" : " MISSED"}`,
    ];
  });
  const all = [[...columns], ...cells];
  const used = columns.map((_, i) => i < 3 || cells.some((line) => line[i] !== ""));
  const widths = columns.map((_, i) => Math.max(...all.map((line) => line[i]?.length ?? 0)));
  return all
    .map((line) =>
      line
        .flatMap((cell, i) => (used[i] ? [i === 1 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)] : []))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Prints the rows, or with `json` as JSON. Under `bench/main.ts` they go into its table as well. */
export function report(rows: readonly Row[], options: { readonly json?: boolean } = {}): void {
  const collector = process.env.NSMKIT_BENCH_ROWS;
  if (collector) for (const row of rows) appendFileSync(collector, `${JSON.stringify(row)}\n`);
  if (options.json) console.log(JSON.stringify({ machine: machine(), rows }, undefined, 2));
  else console.log(`${machine()}\n\n${table(rows)}`);
}
