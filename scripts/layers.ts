// The layer rule of the architecture: a package imports only from layers below its own, and says so in its package.json.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Layer numbers; a program (cmd/*) is above all libraries and imported by nobody. */
const layers: Readonly<Record<string, number>> = {
  core: 0,
  api: 1,
  netlink: 1,
  vpp: 1,
  scheduler: 1,
  kube: 1,
  sdk: 2,
  mesh: 2,
  agent: 3,
};
const forbidden: Readonly<Record<string, readonly string[]>> = {
  // The forwarder's data plane reaches the chain through a port, so that the SDK runs without root and without Linux.
  sdk: ["netlink", "vpp", "scheduler", "kube"],
  scheduler: ["api", "netlink", "vpp", "kube"],
};

const root = join(import.meta.dirname, "..");

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("/gen/") && !file.includes("node_modules"))
    .map((file) => join(folder, file));
}

/** Problems found, one line each. */
export function checkLayers(): string[] {
  const problems: string[] = [];
  const packages = readdirSync(join(root, "packages"));
  const programs = readdirSync(join(root, "cmd"));
  for (const [folder, name] of [...packages.map((p) => ["packages", p]), ...programs.map((p) => ["cmd", p])] as [
    string,
    string,
  ][]) {
    const layer = folder === "cmd" ? 4 : layers[name];
    if (layer === undefined) {
      problems.push(`packages/${name} has no layer in scripts/layers.ts`);
      continue;
    }
    const home = join(root, folder, name);
    const declared = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
    };
    const used = new Set<string>();
    for (const file of sources(join(home, "src"))) {
      const text = readFileSync(file, "utf8");
      for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
        const ours = /^@nsmkit\/([^/]+)/.exec(specifier)?.[1];
        if (specifier.startsWith(".") && !join(file, "..", specifier).startsWith(home)) {
          problems.push(`${file.slice(root.length + 1)} imports ${specifier} past its package's door`);
        }
        if (!ours || ours === name) continue;
        used.add(ours);
        const below = layers[ours];
        if (below === undefined)
          problems.push(`${file.slice(root.length + 1)} imports @nsmkit/${ours}, which is a program`);
        else if (below >= layer || forbidden[name]?.includes(ours)) {
          problems.push(`${file.slice(root.length + 1)} imports @nsmkit/${ours} (layer ${below}) from layer ${layer}`);
        }
      }
    }
    const listed = Object.keys(declared.dependencies ?? {}).flatMap((d) => /^@nsmkit\/(.+)$/.exec(d)?.[1] ?? []);
    for (const missing of [...used].filter((u) => !listed.includes(u))) {
      problems.push(`${folder}/${name}/package.json does not list @nsmkit/${missing}, which its sources import`);
    }
    for (const extra of listed.filter((l) => !used.has(l))) {
      problems.push(`${folder}/${name}/package.json lists @nsmkit/${extra}, which no source imports`);
    }
  }
  return problems;
}

if (import.meta.main) {
  const problems = checkLayers();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
