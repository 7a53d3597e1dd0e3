/** Which network namespaces of this machine are in use. Our own open files do not count. */
import { statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { keyOfNetns } from "./namespaces.ts";

export interface LivingNamespaces {
  /** Every namespace that has a process or a name, as `dev:ino`, with a path to it. */
  list(): Promise<ReadonlyMap<string, string>>;
  /** Whether `path` still leads to the namespace. */
  isAt(path: string, key: string): boolean;
}

/** Looks between which other work of the event loop gets its turn. */
const looksPerTurn = 250;

/** The namespace at a path of procfs or of a bind mount of nsfs, whose stat never blocks and is ten times as fast so. */
function keyAt(path: string): string | undefined {
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    return file && keyOfNetns(file);
  } catch {
    // Not ours to look at: it says nothing about a namespace.
    return undefined;
  }
}

/** This machine's. Processes of other pid namespaces are not seen: a forwarder in a container needs `hostPID`. */
export const machineNamespaces: LivingNamespaces = {
  async list() {
    const living = new Map<string, string>();
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const mounts = namespaceMounts(await readFile("/proc/self/mountinfo", "utf8"));
    let looks = 0;
    for (const path of [...pids.map((pid) => `/proc/${pid}/ns/net`), ...mounts]) {
      if (++looks % looksPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      const key = keyAt(path);
      if (key !== undefined) living.set(key, path);
    }
    return living;
  },
  isAt: (path, key) => keyAt(path) === key,
};

/** Mount points of nsfs files. Field 5 is the mount point, the word after the lone dash the type (proc(5)). */
export function namespaceMounts(mountinfo: string): string[] {
  return mountinfo.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    const path = fields[4];
    if (path === undefined || fields[fields.indexOf("-", 6) + 1] !== "nsfs") return [];
    return [path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))];
  });
}
