// Starts a program of this checkout on a Node that runs TypeScript. Plain JavaScript that Node 20 understands:
// `npx nsmgr` may come here with the system's Node, and the pinned one is a dependency.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
/** Not those of the kernel for the process itself (SIGKILL, SIGSTOP) and not what Node needs (SIGCHLD). */
const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/** @param {URL} main of the program's src/main.ts */
export async function launch(main) {
  if (process.features.typescript) {
    // Keeps the stripped and compiled sources: a warm start takes half the time.
    module.enableCompileCache?.(join(root, "node_modules/.cache/nsmkit-compile"));
    await import(main.href);
    return;
  }
  const node = join(root, "node_modules/.bin/node");
  if (!existsSync(node)) {
    console.error(
      `This program needs Node 22.18 or newer (this is ${process.version}) and ${node} is missing; run "npm ci" in ${root}.`,
    );
    process.exit(1);
  }
  const args = [...process.execArgv, process.argv[1], ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: "inherit" });
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`Cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of forwarded) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
