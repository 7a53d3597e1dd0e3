/**
 * Runs benchmarks one after the other, each in a process of its own, and ends with one table of what they reported.
 *
 * Usage: npm run bench [-- [--small] [NAME...]]
 *   --small  sizes that show in a minute that everything works; the figures mean little
 *   NAME     connections, netlink, scheduler ...; default all
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { keeps, machine, type Row, table } from "./report.ts";

/** Not benchmarks: what they share. */
const shared = new Set(["main", "report"]);
/** Arguments of a quick run, for those that have no `--small`. */
const small: Readonly<Record<string, readonly string[]>> = {
  scheduler: ["--max", "100", "--runs", "3"],
  "scheduler-shapes": ["--max", "200"],
  registry: ["--endpoints", "200", "--watchers", "10"],
  transport: ["--rounds", "1", "--ms", "200"],
  operator: ["--runs", "1", "--steady", "3"],
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { small: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
});
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .map((file) => file.slice(0, -".ts".length))
  .filter((name) => !shared.has(name))
  .sort();
if (flags.help) {
  console.log(`npm run bench [-- [--small] [NAME...]]\n\n  --small  sizes that show in a minute that everything works`);
  console.log(`  NAME     ${known.join(", ")}; default all`);
  process.exit(0);
}
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(", ")}; there are ${known.join(", ")}`);
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), "nsmkit-bench-"));
const failed: string[] = [];
const rows: Row[] = [];
try {
  for (const name of positionals.length > 0 ? positionals : known) {
    const collected = join(directory, name);
    console.log(`\n— ${name} —`);
    const args = flags.small ? (small[name] ?? ["--small"]) : [];
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...args], {
      stdio: "inherit",
      env: { ...process.env, NSMKIT_BENCH_ROWS: collected },
    });
    if (status !== 0) failed.push(name);
    rows.push(...read(collected));
  }
} finally {
  rmSync(directory, { recursive: true });
}
if (rows.length > 0) {
  console.log(`\n— all —\n${machine()}\n`);
  console.log(table(rows.map((row) => ({ ...row, what: `${row.bench}: ${row.what}` }))));
}
const missed = rows.filter((row) => keeps(row) === false);
if (missed.length > 0 && !flags.small) console.log(`\nbudgets missed: ${missed.length}`);
if (failed.length > 0) console.error(`\nfailed: ${failed.join(", ")}`);
process.exit(failed.length > 0 ? 1 : 0);

function read(file: string): Row[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Row);
  } catch {
    return [];
  }
}
