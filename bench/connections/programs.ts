/** Programs of the mesh as processes that can be asked what they cost. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Cost } from "./probe.ts";

const root = join(import.meta.dirname, "../..");
const probe = join(import.meta.dirname, "probe.ts");

export class MeasuredProgram implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  #log = "";

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-20_000);
    });
  }

  /** @param main of the program, below the root @param given.inside a command that runs it, such as nsenter */
  static async start(
    name: string,
    main: string,
    env: Readonly<Record<string, string>>,
    given: {
      readonly inside?: readonly string[];
      readonly profileTo?: string | undefined;
      readonly until?: string;
    } = {},
  ): Promise<MeasuredProgram> {
    const profile =
      given.profileTo === undefined
        ? []
        : ["--cpu-prof", `--cpu-prof-dir=${given.profileTo}`, `--cpu-prof-name=${name}.cpuprofile`];
    const args = [...(given.inside ?? []), process.execPath, ...profile, "--import", probe, join(root, main)];
    const child = spawn(args[0] ?? "", args.slice(1), {
      env: {
        PATH: process.env.PATH ?? "",
        NODE_COMPILE_CACHE: join(root, "node_modules/.cache/nsmkit-compile"),
        ...env,
      },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const program = new MeasuredProgram(name, child);
    await program.#logged(given.until ?? '"msg":"serving"');
    return program;
  }

  async #logged(text: string): Promise<void> {
    while (!this.#log.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(`${this.name} ended:\n${this.#log}`);
      await Promise.race([once(this.#child.stderr ?? this.#child, "data"), once(this.#child, "exit")]);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get log(): string {
    return this.#log;
  }

  async cost(): Promise<Cost> {
    const answer = once(this.#child, "message");
    this.#child.send("cost");
    const [cost] = await answer;
    return cost as Cost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await exit;
    clearTimeout(timer);
  }
}
