// The test command. Suites by what they need; one that cannot run here says why and counts as skipped, never as passed.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { checkLayers } from "./layers.ts";

const root = join(import.meta.dirname, "..");
process.chdir(root);
const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const totals = { passed: 0, failed: 0, skipped: 0 };
const reasons = new Map<string, number>();

function skip(what: string, why: string): void {
  totals.skipped++;
  const line = `${what}: ${why}`;
  reasons.set(line, (reasons.get(line) ?? 0) + 1);
}

function check(title: string, problems: string | readonly string[] | null): void {
  const text = typeof problems === "string" ? problems : (problems ?? []).join("\n");
  if (text === "") totals.passed++;
  else totals.failed++;
  console.log(`${text === "" ? "✔" : "✖"} ${title}${text === "" ? "" : `\n${text}`}`);
}

function command(title: string, program: string, args: readonly string[]): void {
  const done = spawnSync(program, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  check(title, done.status === 0 ? null : `${done.stdout}${done.stderr}${done.error?.message ?? ""}` || "failed");
}

function staticChecks(): void {
  command("types: the whole tree checks", bin("tsc"), ["-p", "tsconfig.json"]);
  command("format and lint", bin("biome"), ["check", "--diagnostic-level=error", "."]);
  check("layers: packages import only downwards", checkLayers());
  command("generated code is what proto/ gives", process.execPath, ["scripts/generate.ts", "--check"]);
  command("docs/settings.md is what the programs declare", process.execPath, ["scripts/docs.ts", "--check"]);
}

async function testFiles(patterns: readonly string[], concurrency: number): Promise<void> {
  const files = globSync(patterns, { exclude: (path) => path.includes("node_modules") }).sort();
  if (files.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    const stream = run({ files, concurrency, timeout: 10 * 60_000 });
    // Only leaves count, a suite is no test of its own; but of one that is skipped no leaf is heard.
    stream.on("test:pass", (event) => {
      if (event.details.type === "suite" && event.skip === undefined) return;
      if (event.skip !== undefined || event.todo !== undefined) {
        const why = event.skip ?? event.todo;
        skip(event.name, typeof why === "string" && why !== "" ? why : "no reason given");
      } else totals.passed++;
    });
    stream.on("test:fail", (event) => {
      if (event.details.type !== "suite") totals.failed++;
    });
    stream.on("error", reject);
    stream.on("end", resolve);
    stream.compose(new spec()).pipe(process.stdout, { end: false });
  });
}

/** Suites that need more than Node; each test file skips by itself, with the reason, where the machine lacks something. */
const suites = existsSync("test") ? readdirSync("test", { withFileTypes: true }).filter((d) => d.isDirectory()) : [];
const known = ["static", "unit", ...suites.map((d) => d.name)];
const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(
    `npm test [-- SUITE...]\n\nRuns every suite that this machine can run, or the named ones: ${known.join(", ")}`,
  );
  process.exit(0);
}
const unknown = args.filter((a) => !known.includes(a));
if (unknown.length > 0) {
  console.error(`unknown suite ${unknown.join(", ")}; there are ${known.join(", ")}`);
  process.exit(2);
}
const wanted = args.length > 0 ? args : known;
for (const name of known.filter((n) => wanted.includes(n))) {
  const started = performance.now();
  console.log(`\n— ${name} —`);
  if (name === "static") staticChecks();
  else if (name === "unit") {
    await testFiles(["packages/*/{src,test}/**/*.test.ts", "cmd/*/{src,test}/**/*.test.ts", "scripts/*.test.ts"], 2);
  } else await testFiles([`test/${name}/**/*.test.ts`], 1);
  console.log(`— ${name}: ${((performance.now() - started) / 1000).toFixed(1)} s —`);
}
if (reasons.size > 0) {
  console.log("\nskipped:");
  for (const [line, count] of reasons) console.log(`  ${line}${count > 1 ? ` (${count} times)` : ""}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);
