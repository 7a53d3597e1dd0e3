import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { runScenario } from "./testing/scenario.ts";

const folder = new URL("testdata/", import.meta.url);

for (const file of (await readdir(folder)).filter((name) => name.endsWith(".scenario")).sort()) {
  const text = await readFile(new URL(file, folder), "utf8");
  // A file holds several scenarios, each below a line "== what must be true".
  for (const part of text.split(/^== /m).slice(1)) {
    const end = part.indexOf("\n");
    test(`${file.replace(".scenario", "")}: ${part.slice(0, end).trim()}`, () => runScenario(part.slice(end)));
  }
}
