import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { insideDirectory } from "../host/places.ts";
import { checkout } from "./programs.ts";
import type { SandboxMount } from "./sandbox.ts";

/**
 * Folders that each Pod has for itself, so that pid files and sockets of several Pods do not meet: /run, and /tmp where
 * our own programs do not lie in it. The lab's folder shows in the Pod's /run too.
 */
export async function prepareOwnFolders(podDirectory: string): Promise<SandboxMount[]> {
  const run = join(podDirectory, "run");
  const lab = join(podDirectory, insideDirectory);
  await mkdir(lab, { recursive: true });
  await mkdir(join(run, "lock"), { mode: 0o1777 });
  const mounts = [
    { source: insideDirectory, target: lab, readOnly: false, flat: true },
    { source: run, target: "/run", readOnly: false },
  ];
  if ([checkout, process.execPath].some((path) => path.startsWith("/tmp/"))) return mounts;
  const tmp = join(podDirectory, "tmp");
  await mkdir(tmp, { mode: 0o1777 });
  return [...mounts, { source: tmp, target: "/tmp", readOnly: false }];
}
