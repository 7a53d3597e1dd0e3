import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { CodedError } from "@nsmkit/core";
import type { Handle, Netlink, Netns } from "@nsmkit/netlink";

export interface SandboxMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** Without what is mounted below the source. */
  readonly flat?: boolean;
}

export interface SandboxOptions {
  readonly name: string;
  readonly hostname: string;
  readonly mounts: readonly SandboxMount[];
  readonly sysctls: readonly { readonly name: string; readonly value: string }[];
  /** Use that sandbox's network instead of an own one (hostNetwork). */
  readonly network?: Sandbox;
  readonly netlink: Netlink;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Set-up inside the new namespaces, then wait for the supervisor's end of the pipe to close: nothing outlives it.
 * The kernel's file system is mounted again because the old one shows another network's interfaces.
 */
const holder = `
set -e
hostname "$1" 2>/dev/null || :
shift
mount -t sysfs sysfs /sys 2>/dev/null || :
while [ $# -gt 0 ]; do
  mount "$4" "$1" "$2"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$2"; fi
  shift 4
done
echo ready
exec cat
`;

/** The namespaces of one node or Pod: network, mounts, host name. */
export class Sandbox {
  readonly name: string;
  readonly netns: Netns;
  readonly handle: Handle;
  readonly #child: ChildProcess;
  /** What every program in it starts with. */
  readonly env: Readonly<Record<string, string>>;
  readonly #ownsNetwork: boolean;

  private constructor(options: SandboxOptions, child: ChildProcess, netns: Netns, handle: Handle) {
    this.name = options.name;
    this.#child = child;
    this.env = options.env;
    this.netns = netns;
    this.handle = handle;
    this.#ownsNetwork = !options.network;
  }

  /** @throws CodedError with the reason of what could not be set up; nothing is left then */
  static async open(options: SandboxOptions): Promise<Sandbox> {
    const mounts = options.mounts.flatMap(({ source, target, readOnly, flat }) => [
      source,
      target,
      readOnly ? "ro" : "rw",
      flat ? "--bind" : "--rbind",
    ]);
    const unshare = ["unshare", ...(options.network ? [] : ["--net"]), "--mount", "--uts", "--"];
    const command = [...unshare, "sh", "-c", holder, "sh", options.hostname, ...mounts];
    const child = spawnIn(options.network?.pid, ["net"], command, { env: options.env, stdin: "pipe" });
    try {
      await ready(child, options.name);
      const netns = options.network?.netns ?? (await options.netlink.namespaces.open({ pid: pidOf(child) }));
      const handle = options.network?.handle ?? options.netlink.handle(netns);
      if (!options.network) await handle.linkSet("lo", { up: true });
      for (const { name, value } of options.sysctls) await handle.sysctlSet(name, value);
      return new Sandbox(options, child, netns, handle);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  get pid(): number {
    return pidOf(this.#child);
  }

  /** Starts a program inside, in a session of its own; it dies with the supervisor. */
  spawn(
    command: readonly string[],
    options: { env: Readonly<Record<string, string>>; workingDir: string },
  ): ChildProcess {
    return spawnIn(this.pid, ["net", "mnt", "uts"], ["env", "-C", options.workingDir, ...command], {
      env: { ...this.env, ...options.env },
      stdin: "ignore",
    });
  }

  /** The namespaces go when the last program in them has ended. */
  async close(): Promise<void> {
    if (this.#ownsNetwork) {
      await this.handle.close();
      await this.netns.close();
    }
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}

/** Starts a program in the supervisor's own namespaces; it dies with the supervisor. */
export function spawnHere(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawnIn(undefined, [], command, { env, stdin: "ignore" });
}

/** Programs that only prepare a process for the one that it is to become. */
const preparing = new Set(["setpriv", "nsenter", "env"]);

/** Whether a process that was started in a sandbox has become the program that it is for. */
export function hasBegun(pid: number): boolean {
  try {
    return !preparing.has(readFileSync(`/proc/${pid}/comm`, "utf8").trim());
  } catch {
    return false;
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new CodedError("FAILED_PRECONDITION", "unshare is missing; install util-linux");
  return child.pid;
}

/** Runs a command in namespaces of process `pid`. */
function spawnIn(
  pid: number | undefined,
  kinds: readonly ("net" | "mnt" | "uts")[],
  command: readonly string[],
  options: { env: Readonly<Record<string, string>>; stdin: "ignore" | "pipe" },
): ChildProcess {
  const flags = { net: "--net", mnt: "--mount", uts: "--uts" };
  const enter =
    pid === undefined ? [] : ["nsenter", ...kinds.map((kind) => `${flags[kind]}=/proc/${pid}/ns/${kind}`), "--"];
  const [file = "", ...args] = ["setpriv", "--pdeathsig", "KILL", "--", ...enter, ...command];
  return spawn(file, args, { env: options.env, stdio: [options.stdin, "pipe", "pipe"], detached: true, cwd: "/" });
}

async function ready(child: ChildProcess, name: string): Promise<void> {
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const outcome = await new Promise<"ready" | Error | number>((resolve) => {
    child.on("error", resolve);
    child.on("exit", (code) => resolve(code ?? 1));
    child.stdout?.once("data", () => resolve("ready"));
  });
  if (outcome === "ready") return;
  const why = outcome instanceof Error ? outcome.message : errors.trim() || `exit code ${outcome}`;
  throw new CodedError("KERNEL", `the namespaces of ${name} could not be set up: ${why}`);
}
