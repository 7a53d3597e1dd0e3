/** What goes into the image: every program, and what the examples run in it. */
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export interface Entry {
  /** In the checkout, from its root. */
  readonly source: string;
  /** In the bundle, from its root. */
  readonly output: string;
  /** Under which it is in PATH. */
  readonly command?: string;
}

/** The programs: folders of cmd/ whose package.json has a `bin`. */
export function programs(root: string): Entry[] {
  return readdirSync(join(root, "cmd"))
    .sort()
    .flatMap((folder) => {
      const file = join(root, "cmd", folder, "package.json");
      if (!existsSync(file)) return [];
      const { bin = {} } = JSON.parse(readFileSync(file, "utf8")) as { bin?: Readonly<Record<string, string>> };
      return Object.entries(bin).map(([command, path]) => ({
        command,
        source: join("cmd", folder, "src/main.ts"),
        output: join("cmd", folder, path),
      }));
    });
}

interface Container {
  readonly command?: readonly string[];
}

/** Programs that Pods of the examples start by path; their names stay, as Node reads JavaScript in a .ts file too. */
export function examplePrograms(root: string): Entry[] {
  const files = globSync("examples/*/*.yaml", { cwd: root }).flatMap((file) =>
    parseAllDocuments(readFileSync(join(root, file), "utf8")).flatMap((document) => {
      const { kind, spec } = (document.toJS() ?? {}) as { kind?: string; spec?: { containers?: readonly Container[] } };
      return kind === "Pod" ? (spec?.containers ?? []).flatMap(({ command = [] }) => command) : [];
    }),
  );
  const paths = files.flatMap((word) => /^\/nsmkit\/(examples\/.+\.ts)$/.exec(word)?.[1] ?? []);
  return [...new Set(paths)].sort().map((path) => ({ source: path, output: path }));
}
