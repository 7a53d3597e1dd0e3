import type { Command } from "commander";
import type { CommandIo } from "../lab/io.ts";
import { readTargetOptions } from "./connection/options.ts";
import type { Session } from "./connection/session.ts";

/** What the commands of `nsmctl agent` share. */
export class AgentContext {
  readonly io: CommandIo;
  readonly #exit: (code: number) => void;

  constructor(io: CommandIo, exit: (code: number) => void) {
    this.io = io;
    this.#exit = exit;
  }

  /** Runs a command against the agent that its options name. @param work gives the exit code, default 0 */
  async run(command: Command, work: (session: Session) => Promise<number | undefined>): Promise<void> {
    const options = readTargetOptions(command, this.io.env);
    const { Session: Opening } = await import("./connection/session.ts");
    await using session = await Opening.open(options, this.io);
    this.#exit((await work(session)) ?? 0);
  }

  /** For commands that need no agent. */
  exit(code: number): void {
    this.#exit(code);
  }
}
