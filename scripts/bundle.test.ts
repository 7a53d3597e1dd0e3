import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { build } from "esbuild";
import { ownPlaces, prelude } from "./bundle/import-meta.ts";
import { architectureOf } from "./bundle/native.ts";
import { packageFolder } from "./bundle/notices.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "nsmkit-own-places-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Bundles one source as cmd/x/bin/x.mjs of `root`/dist. */
async function bundled(source: string, path = "cmd/x/src/deep/main.ts"): Promise<{ text: string; workers: string[] }> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), source);
  const workers: string[] = [];
  const outfile = join(root, "dist/cmd/x/bin/x.mjs");
  await build({
    absWorkingDir: root,
    entryPoints: [path],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "silent",
    banner: { js: prelude("../../../") },
    plugins: [ownPlaces(root, (file) => workers.push(file.slice(root.length + 1)))],
  });
  return { text: await readFile(outfile, "utf8"), workers };
}
const value = async (): Promise<unknown> =>
  ((await import(join(root, "dist/cmd/x/bin/x.mjs"))) as { value: unknown }).value;

test("a source's own folder is the same folder of the bundle", async () => {
  await bundled("export const value = import.meta.dirname;");
  assert.equal(await value(), join(root, "dist/cmd/x/src/deep"));
});

test("a file beside a source is found beside its place in the bundle", async () => {
  await bundled('export const value = new URL("../../bin/x.mjs", import.meta.url).pathname;');
  assert.equal(await value(), join(root, "dist/cmd/x/bin/x.mjs"));
});

test("a worker's source becomes an entry of its own, under JavaScript's name", async () => {
  const { workers } = await bundled('export const value = new URL("../worker.ts", import.meta.url).pathname;');
  assert.deepEqual(workers, ["cmd/x/src/worker.ts"]);
  assert.equal(await value(), join(root, "dist/cmd/x/src/worker.mjs"));
});

test("what has no meaning in a bundle stops it, with the file's name", async () => {
  await assert.rejects(
    bundled('export const value = import.meta.resolve("x");'),
    /deep\/main\.ts: import\.meta\.resolve/,
  );
});

test("machines have their names of Node and of containers", () => {
  assert.deepEqual(["amd64", "x64", "arm64", "riscv64"].map(architectureOf), ["x64", "x64", "arm64", undefined]);
});

test("the package of a file is the innermost one, with its scope", () => {
  assert.equal(packageFolder("node_modules/@a/b/src/x.js"), "node_modules/@a/b");
  assert.equal(packageFolder("node_modules/a/node_modules/b/x.js"), "node_modules/a/node_modules/b");
  assert.equal(packageFolder("packages/core/src/x.ts"), undefined);
});
