// Writes what in deploy/ follows from other sources. With --check it writes nothing and fails when a file differs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { chartFiles } from "./deploy/chart.ts";
import { olmFiles } from "./deploy/olm.ts";

const root = join(import.meta.dirname, "..");

/** Files that are not what they should be. */
export function outdated(): Map<string, string> {
  const wanted = [...chartFiles(root), ...olmFiles(root)];
  return new Map(
    wanted.filter(([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), "utf8") !== text),
  );
}

if (import.meta.main) {
  const files = outdated();
  if (files.size === 0) console.log("deploy/ is up to date");
  else if (process.argv.includes("--check")) {
    console.error(
      `${[...files.keys()].join("\n")}\ndiffer. Run "node scripts/run.mjs scripts/deploy.ts" and commit them.`,
    );
    process.exitCode = 1;
  } else
    for (const [path, text] of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
      console.log(`${path} written`);
    }
}
