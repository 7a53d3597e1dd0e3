export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figures {
  readonly machine: string;
  readonly links: number;
  readonly runs: number;
  /** Microseconds per op. */
  readonly phases: Readonly<Record<string, Readonly<Record<string, Figure | undefined>>>>;
  readonly listMs: Readonly<Record<string, Figure | undefined>>;
  /** Of the event loop of the process that waits for the work, by who does it. */
  readonly longestPauseMs: Readonly<Record<string, number>>;
}

export function figure(samples: readonly number[]): Figure | undefined {
  const sorted = samples.toSorted((a, b) => a - b);
  const [min, max, median] = [sorted[0], sorted.at(-1), sorted[sorted.length >> 1]];
  if (min === undefined || max === undefined || median === undefined) return undefined;
  return { median, min, max };
}

const shown = (value: Figure | undefined, digits: number): string =>
  value ? `${value.median.toFixed(digits)} (${value.min.toFixed(digits)}..${value.max.toFixed(digits)})` : "-";

const ratio = (rival: Figure | undefined, ours: Figure | undefined): string =>
  rival && ours ? `${(rival.median / ours.median).toFixed(1)} x` : "-";

export function printTable(figures: Figures): void {
  console.log(figures.machine);
  console.log(`${figures.links} veth pairs, ${figures.runs} run(s); microseconds per op, median (min..max)\n`);
  const rows = [["", "ours", "ip -batch", "ratio", "ip per op", "ratio"]];
  for (const [phase, by] of Object.entries(figures.phases)) {
    const { ours, "ip -batch": batch, "ip per op": exec } = by;
    rows.push([phase, shown(ours, 1), shown(batch, 1), ratio(batch, ours), shown(exec, 0), ratio(exec, ours)]);
  }
  const { ours, "ip -j link": ip } = figures.listMs;
  rows.push(["list of 1,000, ms", shown(ours, 1), shown(ip, 1), ratio(ip, ours), "", ""]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  const pauses = Object.entries(figures.longestPauseMs).map(
    ([name, ms]) => `${ms.toFixed(1)} ms while ${name} did the work`,
  );
  console.log(`\nlongest pause of this process's event loop: ${pauses.join(", ")}`);
}
