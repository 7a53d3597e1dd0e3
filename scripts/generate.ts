// Generates packages/api/src/gen from proto/. With --check it writes nothing and fails when the committed code differs.
import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(import.meta.dirname);
const out = join(root, "packages/api/src/gen");
/** Import paths start at one of these: upstream's Network Service Mesh files import each other by bare file name. */
const importRoots = ["proto", "proto/networkservicemesh"];

async function main(): Promise<void> {
  const check = process.argv.includes("--check");
  // Beside the target, so that a rename suffices; a check leaves the work tree alone.
  const fresh = await mkdtemp(check ? join(tmpdir(), "nsmkit-gen-") : `${out}.`);
  try {
    await generate(fresh);
    if (check) {
      const stale = await differences(fresh, out);
      if (stale.length === 0) return;
      console.error(`packages/api/src/gen does not match proto/. Run "npm run generate" and commit the result:`);
      for (const line of stale) console.error(`  ${line}`);
      process.exitCode = 1;
      return;
    }
    const changed = await differences(fresh, out);
    await rm(out, { recursive: true, force: true });
    await chmod(fresh, 0o755);
    await rename(fresh, out);
    for (const line of changed) console.log(line);
    console.log(`packages/api/src/gen: ${(await files(out)).length} files, ${changed.length} changed`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function generate(target: string): Promise<void> {
  const sources = (await files(join(root, "proto"))).filter((path) => path.endsWith(".proto")).map(importPath);
  const plugin = join(
    dirname(fileURLToPath(import.meta.resolve("@bufbuild/protoc-gen-es/package.json"))),
    "bin/protoc-gen-es",
  );
  // The npm package wraps the compiler in a script that adds the include directory of google/protobuf/*.proto.
  const protoc = join(dirname(fileURLToPath(import.meta.resolve("protoc/package.json"))), "protoc.cjs");
  const { status, stderr, error } = spawnSync(
    process.execPath,
    [
      protoc,
      ...importRoots.map((path) => `--proto_path=${path}`),
      `--plugin=protoc-gen-es=${plugin}`,
      `--es_out=${target}`,
      "--es_opt=target=js+dts,import_extension=js",
      ...sources,
    ],
    // The plugin is started through its "env node" line and shall get this Node too.
    {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ""}` },
    },
  );
  if (error) throw error;
  // The compiler's own words are file:line:column: what.
  if (status !== 0) throw new Error(`proto/ does not compile:\n${stderr}`);
}

/** "networkservicemesh/connection.proto" -> "connection.proto": the path by which other files import it. */
function importPath(path: string): string {
  const prefixes = importRoots.map((name) => relative("proto", name)).sort((a, b) => b.length - a.length);
  const prefix = prefixes.find((name) => name !== "" && path.startsWith(`${name}/`));
  return prefix === undefined ? path : path.slice(prefix.length + 1);
}

async function differences(fresh: string, committed: string): Promise<string[]> {
  const [now, before] = await Promise.all([files(fresh), files(committed)]);
  const lines: string[] = [];
  for (const path of [...new Set([...now, ...before])].sort()) {
    if (!before.includes(path)) lines.push(`missing  ${path}`);
    else if (!now.includes(path)) lines.push(`surplus  ${path}`);
    else if (!(await readFile(join(fresh, path))).equals(await readFile(join(committed, path))))
      lines.push(`differs  ${path}`);
  }
  return lines;
}

/** Every file under a directory, sorted, relative to it; none when there is no such directory. */
async function files(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
