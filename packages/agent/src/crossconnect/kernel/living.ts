/** Which network namespaces of this machine are in use. Our own open files do not count. */
import { statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { keyOfNetns } from "./namespaces.ts";

export interface LivingNamespaces {
  /** Every namespace that has a process or a name, as `dev:ino`, with a path to it. */
  list(): Promise<ReadonlyMap<string, string>>;
  /** Whether `path` still leads to the namespace. */
  isAt(path: string, key: string): boolean;
}

/** This machine's. Processes of other pid namespaces are not seen: a forwarder in a container needs `hostPID`. */
export const machineNamespaces: LivingNamespaces = {
  async list() {
    const living = new Map<string, string>();
    const add = async (path: string): Promise<void> => {
      try {
        living.set(keyOfNetns(await stat(path)), path);
      } catch {
        // The process ended or is not ours to look at: it says nothing about a namespace.
      }
    };
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    await Promise.all(pids.map((pid) => add(`/proc/${pid}/ns/net`)));
    await Promise.all(namespaceMounts(await readFile("/proc/self/mountinfo", "utf8")).map(add));
    return living;
  },
  // Never blocks: the path came from `list`, so it is one of procfs or of a bind mount of nsfs.
  isAt(path, key) {
    try {
      const file = statSync(path, { throwIfNoEntry: false });
      return file !== undefined && keyOfNetns(file) === key;
    } catch {
      return false;
    }
  },
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
