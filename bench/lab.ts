/**
 * How long `nsmctl lab` takes from the command to the first proven packet of examples/nat-chain, warm, and to remove it.
 * Every run must end with all checks of the example holding.
 *
 * Usage: node bench/lab.ts [--small] [--runs N]     default 7 runs after one that warms up; --small 2
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Row, report, summary } from "./report.ts";

const { values: flags } = parseArgs({ options: { small: { type: "boolean" }, runs: { type: "string" } } });
const runs = Number(flags.runs ?? (flags.small ? 2 : 7));
const root = join(import.meta.dirname, "..");
const nsmctl = join(root, "cmd/nsmctl/bin/nsmctl.mjs");
const state = mkdtempSync(join(tmpdir(), "nsmkit-bench-lab-"));

const phases = new Map<string, number[]>();
function took(what: string, ms: number): void {
  phases.set(what, [...(phases.get(what) ?? []), ms]);
}

function lab(...args: string[]): { output: string; ms: number } {
  const startedMs = performance.now();
  const done = spawnSync(process.execPath, [nsmctl, "lab", ...args], {
    encoding: "utf8",
    cwd: root,
    env: { ...process.env, NSMKIT_STATE_DIR: state },
  });
  const output = `${done.stdout}${done.stderr}`;
  if (done.status !== 0) throw new Error(`nsmctl lab ${args.join(" ")} exits ${done.status}\n${output}`);
  return { output, ms: performance.now() - startedMs };
}

/** "412 ms" or "10.3 s" */
function milliseconds(text: string): number {
  const [, value, unit] = /^([\d.]+) (ms|s)$/.exec(text) ?? [];
  return Number(value) * (unit === "s" ? 1000 : 1);
}

function oneRun(measured: boolean): void {
  const { output } = lab("demo", "--check", "--keep", "examples/nat-chain");
  const proven = /^First proven packet ([\d.]+ m?s)/m.exec(output)?.[1];
  // The time is told before the proof; it counts only because the checks then held.
  if (!proven || !output.includes("translated on the way")) throw new Error(`no proof:\n${output}`);
  const again = lab("up", "examples/nat-chain");
  if (!again.output.includes("Nothing to do")) throw new Error(again.output);
  const down = lab("down", "nat-chain");
  if (!measured) return;
  took("from the command to the first proven packet", milliseconds(proven));
  for (const [, phase = "", time = ""] of output.matchAll(/✔ (\w+) +([\d.]+ m?s) {2}/g))
    took(`phase ${phase}`, milliseconds(time));
  took("up again, nothing to do", again.ms);
  took("down", down.ms);
}

try {
  oneRun(false);
  for (let run = 0; run < runs; run++) oneRun(true);
} finally {
  spawnSync(process.execPath, [nsmctl, "lab", "down", "--all"], { env: { ...process.env, NSMKIT_STATE_DIR: state } });
  rmSync(state, { recursive: true, force: true });
}
const rows = [...phases].map(
  ([what, samples]): Row => ({
    bench: "lab",
    what,
    unit: "ms",
    ...summary(samples),
    ...(what.startsWith("from the command") ? { budget: "<= 5000" } : {}),
  }),
);
console.log(`${runs} runs, ${process.getuid?.() === 0 ? "as root" : "as an ordinary user"}`);
report(rows);
