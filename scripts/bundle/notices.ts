/** The licences of everything that a bundle contains, as most of them ask. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** Folder of the package that a file under node_modules belongs to. */
export function packageFolder(path: string): string | undefined {
  return /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

/**
 * @param inputs files that went into the bundle, from the root
 * @param copied folders of packages that lie beside it as they are
 * @throws Error for a package without a licence text; it must not be passed on so
 */
export function notices(root: string, inputs: readonly string[], copied: readonly string[]): string {
  const bundled = inputs.flatMap((input) => packageFolder(input) ?? []);
  const folders = new Set([...bundled.map((folder) => join(root, folder)), ...copied]);
  const sections = [...folders].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    const title = `${manifest.name} ${manifest.version} (${manifest.license ?? "see below"})`;
    return { title, text: file === undefined ? undefined : readFileSync(join(folder, file), "utf8").trim() };
  });
  const foreign = sections.filter(({ title, text }) => text === undefined && !title.includes("Apache-2.0"));
  if (foreign.length > 0) throw new Error(`no licence text: ${foreign.map(({ title }) => title).join(", ")}`);
  const apache = "Its package carries no text; that of the Apache License 2.0 is in LICENSE beside this file.";
  const rule = "=".repeat(100);
  return [
    "Software of others in this folder, with its licences. nsmkit itself is under the Apache License 2.0.",
    ...sections.map(({ title, text }) => `${rule}\n${title}\n${rule}\n${text ?? apache}`),
    "",
  ].join("\n\n");
}
