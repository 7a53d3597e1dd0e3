import { closeSync, readFileSync, writeSync } from "node:fs";
import type { Command } from "commander";
import type { CommandIo } from "../io.ts";

/** The descriptor on which whoever started us waits. */
const readyFd = 3;

/** What `up` starts in new namespaces; not for people. */
export function superviseCommand(parent: Command, io: CommandIo, exit: (code: number) => void): void {
  parent
    .command("supervise", { hidden: true })
    .argument("<directory>")
    .action(async (directory: string) => {
      const { supervise } = await import("../supervisor/main.ts");
      const onReady = (): void => {
        writeSync(readyFd, "ready\n");
        closeSync(readyFd);
      };
      await supervise({ directory, env: io.env, rootless: isMappedUser(), onReady });
      exit(0);
    });
}

/** In the machine's own user namespace every id maps to itself. */
function isMappedUser(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
}
