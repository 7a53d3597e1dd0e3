import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");

export interface LogLine {
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** One of our programs in a process of its own. Disposing kills it. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly lines: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number>;
  readonly #waiting = new Set<() => void>();
  /** What it wrote that was no JSON. */
  text = "";

  /**
   * @param name of a program, or the path of a `.ts` file below the root
   * @param inside a command that runs another one, such as `nsenter --net=...`
   */
  constructor(name: string, env: Readonly<Record<string, string>>, inside: readonly string[] = []) {
    this.name = name;
    const main = name.endsWith(".ts") ? join(root, name) : join(root, "cmd", name, "src/main.ts");
    const [command = process.execPath, ...args] = [...inside, process.execPath, main];
    this.#child = spawn(command, args, {
      env: {
        PATH: process.env.PATH ?? "",
        NODE_COMPILE_CACHE: join(root, "node_modules/.cache/nsmkit-compile"),
        ...env,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#exited = once(this.#child, "exit").then(([code]) => {
      for (const wake of this.#waiting) wake();
      return code ?? -1;
    });
    const { stderr } = this.#child;
    if (stderr) createInterface({ input: stderr }).on("line", (line) => this.#read(line));
  }

  #read(line: string): void {
    try {
      this.lines.push(JSON.parse(line));
    } catch {
      this.text += `${line}\n`;
    }
    for (const wake of this.#waiting) wake();
  }

  /** The first line with this message after the first `skip` lines. */
  async log(message: string, options: { readonly skip?: number; readonly timeoutMs?: number } = {}): Promise<LogLine> {
    const { skip = 0, timeoutMs = 10_000 } = options;
    const late = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const line = this.lines.slice(skip).find(({ msg }) => msg === message);
      if (line) return line;
      const over = this.#child.exitCode ?? this.#child.signalCode;
      if (late.aborted || over !== null)
        throw new Error(`${this.name} did not log "${message}" (${over ?? "running"}):\n${this.all()}`);
      await this.#change(late);
    }
  }

  #change(late: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        late.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      late.addEventListener("abort", wake, { once: true });
    });
  }

  all(): string {
    return `${this.text}${this.lines.map((line) => JSON.stringify(line)).join("\n")}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @returns the exit code, -1 if a signal ended it */
  exit(): Promise<number> {
    return this.#exited;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** Starts a program and waits until it serves. */
export async function serve(
  name: string,
  env: Readonly<Record<string, string>>,
  inside: readonly string[] = [],
): Promise<Program> {
  const program = new Program(name, env, inside);
  try {
    await program.log("serving");
  } catch (error) {
    await program.kill();
    throw error;
  }
  return program;
}
