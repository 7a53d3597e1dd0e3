// Bundles every program to plain JavaScript, for the image: the folder runs with Node alone.
import { chmodSync, copyFileSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { type Entry, examplePrograms, programs } from "./bundle/entries.ts";
import { bundledPath, ownPlaces, prelude } from "./bundle/import-meta.ts";
import { type Architecture, architectureOf, copyNative, copyNode } from "./bundle/native.ts";
import { notices } from "./bundle/notices.ts";

const usage = `usage: node scripts/bundle.ts [FOLDER] [--arch x64|amd64|arm64] [--modules FOLDER] [--with-node]

  FOLDER       written anew; default dist
  --arch       machine that it shall run on; default this one's
  --modules    node_modules with the native packages of that machine; default the checkout's
  --with-node  put Node's program into bin/ too
`;

const root = join(import.meta.dirname, "..");

/**
 * Options of V8 that NODE_OPTIONS does not take, by program. An operator is idle nearly all of its life: with the smaller
 * code it keeps 5 MiB less (`npm run bench -- operator`) and is no slower.
 */
const v8Options: Readonly<Record<string, string>> = { "nsm-operator": "--optimize-for-size" };

function shebang(command: string): string {
  const options = v8Options[command];
  return options === undefined ? "#!/usr/bin/env node\n" : `#!/usr/bin/env -S node ${options}\n`;
}

export interface BundleOptions {
  readonly folder: string;
  readonly architecture: Architecture;
  readonly modules: string;
  readonly withNode: boolean;
}

/** @returns bytes of each output, by its path in the folder */
export async function bundle(options: BundleOptions): Promise<ReadonlyMap<string, number>> {
  const { folder, architecture, modules, withNode } = options;
  rmSync(folder, { recursive: true, force: true });
  const entries: Entry[] = [...programs(root), ...examplePrograms(root)];
  const inputs = new Set<string>();
  const sizes = new Map<string, number>();
  // Grows while it is walked: programs name the files that their worker threads start with.
  for (const { source, output, command } of entries) {
    const outfile = join(folder, output);
    const result = await build({
      absWorkingDir: root,
      entryPoints: [source],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node24",
      // A native module; it comes along in node_modules.
      external: ["koffi"],
      // Node keeps the text in memory, so it goes without spaces and comments; names stay, for stack traces.
      minifyWhitespace: true,
      lineLimit: 160,
      legalComments: "none",
      metafile: true,
      logLevel: "warning",
      banner: {
        js: `${command === undefined ? "" : shebang(command)}${prelude(`${relative(dirname(outfile), folder)}/`)}`,
      },
      plugins: [
        ownPlaces(root, (file) => {
          const worker = { source: relative(root, file), output: bundledPath(root, file) };
          if (!entries.some((entry) => entry.output === worker.output)) entries.push(worker);
        }),
      ],
    });
    for (const input of Object.keys(result.metafile.inputs)) inputs.add(input);
    sizes.set(output, statSync(outfile).size);
    if (command === undefined) continue;
    chmodSync(outfile, 0o755);
    mkdirSync(join(folder, "bin"), { recursive: true });
    symlinkSync(join("..", output), join(folder, "bin", command));
  }
  copyNative(modules, folder, architecture);
  if (withNode) copyNode(modules, folder, architecture);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  const copied = ["koffi", ...(withNode ? [`node-linux-${architecture}`] : [])].map((name) => join(modules, name));
  writeFileSync(join(folder, "NOTICES.txt"), notices(root, [...inputs], copied));
  return sizes;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      arch: { type: "string", default: process.arch },
      modules: { type: "string", default: join(root, "node_modules") },
      "with-node": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const architecture = architectureOf(values.arch);
  if (values.help) console.log(usage);
  else if (positionals.length > 1 || architecture === undefined) {
    console.error(usage);
    process.exitCode = 2;
  } else {
    const folder = resolve(positionals[0] ?? join(root, "dist"));
    const sizes = await bundle({
      folder,
      architecture,
      modules: resolve(values.modules),
      withNode: values["with-node"],
    });
    for (const [output, bytes] of sizes) console.log(`${(bytes / 1024).toFixed(0).padStart(6)} KiB  ${output}`);
  }
}
