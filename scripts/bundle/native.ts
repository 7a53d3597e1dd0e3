/** What a bundle cannot hold: koffi's native module, and Node itself. */
import { cpSync, existsSync, globSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

export type Architecture = "x64" | "arm64";
/** @param name as Node or as container tools call it */
export const architectureOf = (name: string): Architecture | undefined =>
  name === "amd64" || name === "x64" ? "x64" : name === "arm64" ? "arm64" : undefined;

function copy(from: string, to: string): void {
  if (!existsSync(from)) {
    throw new Error(`${from} is missing; install the packages of that machine: npm ci --os=linux --cpu=x64 (or arm64)`);
  }
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

/** koffi without its sources, documents and the libraries of other machines (those of musl too). */
export function copyNative(modules: string, folder: string, architecture: Architecture): void {
  const platform = `@koromix/koffi-linux-${architecture}`;
  const files = [
    ...["package.json", "LICENSE.txt", "index.js", "index.cjs"].map((file) => `koffi/${file}`),
    ...globSync("koffi/src/**/*.{js,cjs}", { cwd: modules }),
    ...["package.json", "index.js", `linux_${architecture}/koffi.node`].map((file) => `${platform}/${file}`),
  ];
  for (const file of files) copy(join(modules, file), join(folder, "node_modules", file));
}

export function copyNode(modules: string, folder: string, architecture: Architecture): void {
  copy(join(modules, `node-linux-${architecture}`, "bin/node"), join(folder, "bin/node"));
}
