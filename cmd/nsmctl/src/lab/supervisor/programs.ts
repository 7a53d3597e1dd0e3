import { existsSync } from "node:fs";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { insideDirectory, labMarker } from "../host/places.ts";

/** This checkout. */
export const checkout = join(import.meta.dirname, "../../../../..");

const names = ["nsm-agent-linux", "nsm-registry", "nsmgr", "nsm-forwarder", "nsc", "nsmctl"] as const;

const binDirectory = join(insideDirectory, "bin");

/** Gives the lab's own `bin` folder Node as `node` and each of our programs by its name. */
export async function writePrograms(): Promise<void> {
  await mkdir(binDirectory, { recursive: true });
  await symlink(process.execPath, join(binDirectory, "node"));
  for (const name of names) {
    const target = join(binDirectory, name);
    const program = join(checkout, "cmd", name, "bin", `${name}.mjs`);
    await writeFile(target, `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(program)} "$@"\n`);
    await chmod(target, 0o755);
  }
}

/** Programs of ours whose sources are missing here, for a clear message. */
export function missingPrograms(): string[] {
  return names.filter((name) => !existsSync(join(checkout, "cmd", name, "bin", `${name}.mjs`)));
}

/** What every program in a lab starts with, instead of the environment of whoever started the lab. */
export function baseEnvironment(labDirectory: string, env: NodeJS.ProcessEnv): Record<string, string> {
  return {
    PATH: `${binDirectory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: "/root",
    LANG: env.LANG ?? "C.UTF-8",
    [labMarker]: labDirectory,
    ...(env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE } : {}),
  };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
