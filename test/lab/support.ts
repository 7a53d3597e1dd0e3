import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { labProcesses } from "../../cmd/nsmctl/src/lab/host/processes.ts";
import type { LabStatus } from "../../cmd/nsmctl/src/lab/supervisor/status-types.ts";

export const checkout = join(import.meta.dirname, "../..");
const program = join(checkout, "cmd/nsmctl/bin/nsmctl.mjs");

/** Who runs labs in a test. */
export interface User {
  readonly title: string;
  /** What is put before a command. */
  readonly become: readonly string[];
  readonly uid: number;
  /** Why this user cannot run labs here; undefined when they can. */
  readonly skip: string | undefined;
}

const isRoot = process.getuid?.() === 0;
/** An id that owns nothing on any machine that we know. */
const strangerId = 61_234;
const asStranger = ["setpriv", `--reuid=${strangerId}`, `--regid=${strangerId}`, "--clear-groups", "--"];

/** Root where we are root, and always an ordinary user. */
export const users: readonly User[] = [
  ...(isRoot ? [user("root", [], 0, ["unshare", "--net", "--mount", "true"])] : []),
  user("an ordinary user", isRoot ? asStranger : [], isRoot ? strangerId : (process.getuid?.() ?? 0), [
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "true",
  ]),
];

function user(title: string, become: readonly string[], uid: number, trial: readonly string[]): User {
  const [file = "", ...args] = [...become, ...trial];
  const result = spawnSync(file, args, { encoding: "utf8" });
  const skip =
    result.status === 0 ? undefined : `no namespaces for ${title}: ${(result.stderr ?? String(result.error)).trim()}`;
  const readable = spawnSync([...become, "test"][0] ?? "", [...become, "test", "-r", program].slice(1));
  return { title, become, uid, skip: skip ?? (readable.status === 0 ? undefined : `${title} cannot read ${checkout}`) };
}

/** Why examples that translate addresses cannot run; undefined when they can. */
export const withoutIptables = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].some((folder) =>
  existsSync(join(folder, "iptables-restore")),
)
  ? undefined
  : "iptables is not installed";

/** Why labs with an etcd of their own cannot run; undefined when they can. */
export const withoutEtcd = ["/usr/local/bin", "/usr/bin"].some((folder) => existsSync(join(folder, "etcd")))
  ? undefined
  : "etcd is not installed (package etcd-server)";

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs nsmctl for one user with a state folder of its own, and leaves nothing of it. */
export class Bench implements AsyncDisposable {
  readonly user: User;
  readonly folder: string;
  readonly state: string;
  readonly #links: ReadonlySet<string>;

  constructor(user: User) {
    this.user = user;
    this.folder = mkdtempSync(join(tmpdir(), "nsmctl-lab-"));
    chmodSync(this.folder, 0o755);
    if (isRoot) chownSync(this.folder, user.uid, user.uid);
    this.state = join(this.folder, "labs");
    this.#links = new Set(readdirSync("/sys/class/net"));
  }

  /** Starts nsmctl. `env` is added. */
  start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const [file = "", ...rest] = [...this.user.become, process.execPath, program, ...args];
    const base = { PATH: process.env.PATH ?? "", HOME: this.folder, NSMKIT_STATE_DIR: this.state };
    return spawn(file, rest, { env: { ...base, ...env }, stdio: ["pipe", "pipe", "pipe"], cwd: checkout });
  }

  async run(...args: string[]): Promise<Run> {
    const child = this.start(["lab", ...args]);
    child.stdin?.end();
    return finish(child);
  }

  /** Runs nsmctl, which must exit 0. @returns its standard output */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    assert.equal(code, 0, `nsmctl lab ${args.join(" ")} exits ${code}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Runs `nsmctl agent` for the agent of a Pod, which must exit 0. @returns its standard output */
  async agent(pod: string, ...args: string[]): Promise<string> {
    const child = this.start(["agent", "--pod", pod, ...args]);
    child.stdin?.end();
    const { code, stdout, stderr } = await finish(child);
    assert.equal(code, 0, `nsmctl agent --pod ${pod} ${args.join(" ")} exits ${code}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Waits until something holds, at most some seconds. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(100)) if (await holds()) return;
    assert.fail("does not come about within 10 s");
  }

  async status(): Promise<LabStatus> {
    return JSON.parse((await this.run("status", "-o", "json")).stdout) as LabStatus;
  }

  directory(lab: string): string {
    return join(this.state, lab);
  }

  /** Everything that could be left of a lab, in words; waits a moment for what the kernel is still putting away. */
  async leftovers(lab: string, namespaces: readonly string[] = []): Promise<string[]> {
    let left: string[] = [];
    for (let i = 0; i < 40; i++) {
      left = this.#leftNow(lab, namespaces);
      if (left.length === 0) return [];
      await sleep(50);
    }
    return left;
  }

  #leftNow(lab: string, namespaces: readonly string[]): string[] {
    const directory = this.directory(lab);
    const lines = (file: string): string[] => readFileSync(file, "utf8").split("\n");
    return [
      ...labProcesses(directory).map(({ pid, command }) => `process ${pid}: ${command}`),
      ...usersOf(namespaces).map((pid) => `process ${pid} is in a namespace of the lab`),
      ...(existsSync(directory) ? [`folder ${directory}`] : []),
      ...(existsSync(this.state) ? readdirSync(this.state).map((name) => `in the folder of labs: ${name}`) : []),
      ...lines("/proc/self/mountinfo").filter((line) => line.includes(this.folder) || line.includes("nsmkit")),
      ...lines("/proc/net/unix").filter((line) => line.includes(this.folder)),
      ...readdirSync("/sys/class/net")
        .filter((name) => !this.#links.has(name))
        .map((name) => `link ${name}`),
      ...(existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.includes(lab)) : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("down", "--all");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Network namespaces of a lab's processes: "net:[4026532001]". */
export function namespacesOf(pids: readonly number[]): string[] {
  return [...new Set(pids.flatMap((pid) => namespaceOf(pid) ?? []))];
}

function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function usersOf(namespaces: readonly string[]): string[] {
  const wanted = new Set(namespaces);
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && wanted.has(namespaceOf(name) ?? ""));
}

export async function finish(child: ChildProcess): Promise<Run> {
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  const code = await new Promise<number | null>((resolve) => child.on("close", (exit) => resolve(exit)));
  return { code, ...output };
}

/** Resolves when the child's output contains the text. */
export function until(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    const look = (chunk: Buffer): void => {
      seen += chunk.toString("utf8");
      if (seen.includes(text)) resolve();
    };
    child.stdout?.on("data", look);
    child.stderr?.on("data", look);
    child.on("close", () => reject(new Error(`ended without ${JSON.stringify(text)}:\n${seen}`)));
  });
}

export { sleep };
