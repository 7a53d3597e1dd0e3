/** What a source file says about its own place, kept true in a bundle. */
import { readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import type { Plugin } from "esbuild";

const worker = /new URL\(\s*"(\.[^"]+\.ts)",\s*import\.meta\.url\s*\)/g;

/** Where a source of the checkout would be in the bundle's folder; a program there is JavaScript. */
export const bundledPath = (root: string, source: string): string => relative(root, source).replace(/\.ts$/, ".mjs");

/**
 * The bundle's folder mirrors the checkout, so a place is a path from the root. `__root` is each output's own URL of it.
 * Files that are started by URL (worker threads) are handed to `onWorker`, to be bundled beside.
 */
export function ownPlaces(root: string, onWorker: (source: string) => void): Plugin {
  return {
    name: "own-places",
    setup(build) {
      build.onLoad({ filter: /\/(packages|cmd|examples)\/.*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        if (!source.includes("import.meta.")) return undefined;
        const url = (to: string): string => `new URL(${JSON.stringify(to)}, __root)`;
        const contents = source
          .replaceAll(worker, (_, file: string) => {
            const target = resolve(dirname(path), file);
            onWorker(target);
            return url(bundledPath(root, target));
          })
          .replaceAll("import.meta.dirname", `__path(${url(relative(root, dirname(path)))})`)
          .replaceAll("import.meta.url", `${url(relative(root, path))}.href`);
        const left = /import\.meta\.(?!main\b)\w+/.exec(contents);
        if (left) return { errors: [{ text: `${relative(root, path)}: ${left[0]} has no meaning in a bundle` }] };
        return { contents, loader: "ts" };
      });
    },
  };
}

/** First lines of every output. CommonJS dependencies still ask for Node's own modules with require. */
export const prelude = (rootFromHere: string): string =>
  [
    'import { createRequire as __createRequire } from "node:module";',
    'import { fileURLToPath as __path } from "node:url";',
    "const require = __createRequire(import.meta.url);",
    `const __root = new URL(${JSON.stringify(rootFromHere)}, import.meta.url);`,
  ].join("\n");
