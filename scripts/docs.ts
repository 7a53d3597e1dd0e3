// Writes docs/settings.md from what the programs declare. With --check it writes nothing and fails when the page differs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SettingsSpec, settingsTable } from "@nsmkit/core/config";
import { commonSettings } from "@nsmkit/core/program";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs/settings.md");

interface Declaration {
  readonly name: string;
  readonly description: string;
  readonly settings: SettingsSpec;
}

/** The programs that take their settings from the environment: those with a src/settings.ts. */
async function declarations(): Promise<Declaration[]> {
  const files = readdirSync(join(root, "cmd"))
    .sort()
    .map((program) => join(root, "cmd", program, "src/settings.ts"))
    .filter((file) => existsSync(file));
  return Promise.all(files.map(async (file) => check(file, await import(file))));
}

function check(file: string, module: Partial<Declaration>): Declaration {
  const { name, description, settings } = module;
  if (name === undefined || description === undefined || settings === undefined)
    throw new Error(`${file} must export name, description and settings`);
  return { name, description, settings };
}

function text(programs: readonly Declaration[]): string {
  const sections = programs.map(
    ({ name, description, settings }) => `## ${name}\n\n${description}\n\n${settingsTable(settings)}`,
  );
  return [
    "# Settings",
    "",
    "Every program reads its settings from the environment and prints this table with `--help`. Each may be given as an",
    "argument too, which wins: `NSM_CONNECT_TO` is `--nsm-connect-to=URL`. Durations are written as in Go: `750ms`, `10m`,",
    "`1h30m`. A variable that is set but empty counts as unset, unless its meaning says otherwise.",
    "This page is made by `node scripts/run.mjs scripts/docs.ts` from the programs' declarations (`cmd/*/src/settings.ts`).",
    "",
    "## All programs",
    "",
    settingsTable(commonSettings),
    sections.join("\n"),
  ].join("\n");
}

const wanted = text(await declarations());
const current = existsSync(page) ? readFileSync(page, "utf8") : "";
if (!process.argv.includes("--check")) {
  writeFileSync(page, wanted);
  console.log(current === wanted ? "docs/settings.md is up to date" : "docs/settings.md written");
} else if (current !== wanted) {
  console.error(
    'docs/settings.md is not what the programs declare. Run "node scripts/run.mjs scripts/docs.ts" and commit it.',
  );
  process.exitCode = 1;
}
