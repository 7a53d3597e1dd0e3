import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LabRoot } from "./root-fs.ts";
import type { SandboxMount } from "./sandbox.ts";

const folders = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Shows programs of this machine where images have theirs; what is not installed here is left out. */
export function toolMounts(tools: readonly string[], root: LabRoot): SandboxMount[] {
  return tools.flatMap((tool) => {
    const target = join("/usr/local/bin", tool);
    const source = folders.map((folder) => join(folder, tool)).find((path) => existsSync(path));
    if (existsSync(target) || source === undefined) return [];
    root.ensureMountPoint(target, "file");
    return [{ source, target, readOnly: true }];
  });
}
