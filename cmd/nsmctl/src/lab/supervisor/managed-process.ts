import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { backoffDelay, type Clock, Deferred, systemClock, type Timer } from "@nsmkit/core";
import type { RestartPolicy } from "../spec/spec.ts";
import { LastWords } from "./last-words.ts";
import type { LogFile } from "./log-file.ts";

export type ProcessState =
  | { readonly state: "waiting"; readonly reason: string }
  | { readonly state: "running"; readonly pid: number; readonly sinceMs: number }
  | { readonly state: "back-off"; readonly reason: string; readonly delayMs: number }
  | { readonly state: "completed" | "failed"; readonly reason: string; readonly exitCode: number };

export interface ManagedProcessOptions {
  readonly name: string;
  readonly start: () => ChildProcess;
  readonly restart: RestartPolicy;
  readonly log: LogFile;
  readonly onChange: (process: ManagedProcess) => void;
  readonly clock?: Clock;
}

/** Kubernetes waits 10 s, doubling to 5 min; a lab is for looking at. */
const backoff = { initialMs: 200, maxMs: 10_000, jitter: 0 };
/** A program that ran this long starts with a short wait again. */
const stableMs = 10_000;

/** A program that is started again when it ends, as its restart policy says. */
export class ManagedProcess {
  readonly name: string;
  readonly #options: ManagedProcessOptions;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #state: ProcessState = { state: "waiting", reason: "not started" };
  #restarts = 0;
  #failures = 0;
  #timer: Timer | undefined;
  #stopping = false;
  readonly #lastWords = new LastWords();
  readonly #completed = new Deferred<boolean>();

  constructor(options: ManagedProcessOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Resolves when the program has ended for good; true if it did what it should. */
  get completed(): Promise<boolean> {
    return this.#completed.promise;
  }

  /** The last line that the program wrote in its present life, or in its last one while it waits for the next. */
  get lastWords(): string {
    return this.#lastWords.line;
  }

  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    if (this.#stopping) return;
    const { log } = this.#options;
    const startedMs = this.#clock.monotonic();
    const child = this.#options.start();
    this.#child = child;
    const { pid } = child;
    this.#lastWords.clear();
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        log.write(chunk);
        this.#lastWords.add(chunk);
      });
    child.on("error", (error) => {
      log.note(`cannot be started: ${error.message}`);
      if (pid === undefined) this.#ended(127, null, startedMs);
    });
    child.on("exit", (code, signal) => this.#ended(code, signal, startedMs));
    if (pid !== undefined) this.#change({ state: "running", pid, sinceMs: this.#clock.now() });
  }

  #ended(code: number | null, signal: NodeJS.Signals | null, startedMs: number): void {
    const exitCode = code ?? 1;
    const reason = signal ? `ended by ${signal}` : reasonOf(exitCode);
    this.#options.log.note(`${this.name}: ${reason}`);
    const again = this.#options.restart === "Always" || (this.#options.restart === "OnFailure" && code !== 0);
    if (this.#stopping || !again) {
      this.#change({ state: code === 0 ? "completed" : "failed", reason, exitCode });
      this.#completed.resolve(code === 0);
      return;
    }
    this.#failures = this.#clock.monotonic() - startedMs >= stableMs ? 1 : this.#failures + 1;
    const delayMs = backoffDelay(this.#failures, backoff);
    this.#timer = this.#clock.after(delayMs, () => {
      this.#restarts++;
      this.start();
    });
    this.#change({ state: "back-off", reason, delayMs });
  }

  /** Asks the program and all that it started to end; insists after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#completed.resolve(false);
    const child = this.#child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    const group = child.pid;
    killGroup(group, graceMs > 0 ? "SIGTERM" : "SIGKILL");
    const insist = this.#clock.after(graceMs, () => killGroup(group, "SIGKILL"));
    await exit;
    insist.cancel();
    killGroup(group, "SIGKILL");
  }

  #change(state: ProcessState): void {
    this.#state = state;
    this.#options.onChange(this);
  }
}

/** Signals everything that a program started, unless it left its process group. */
export function killGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** env(1) and sh tell with these codes why a command did not start. */
function reasonOf(exitCode: number): string {
  if (exitCode === 127) return "exit code 127: command not found";
  if (exitCode === 126) return "exit code 126: command is not executable";
  return `exit code ${exitCode}`;
}
