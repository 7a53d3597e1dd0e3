import { isCodedError, messageOf } from "@nsmkit/core";
import { Command, CommanderError } from "commander";
import pkg from "../package.json" with { type: "json" };
import { agentCommand } from "./agent/command.ts";
import { cnfCommand } from "./cnf/command.ts";
import { labCommand } from "./lab/command.ts";
import { type CommandIo, exitCodes } from "./lab/io.ts";
import { convertCommand } from "./mesh/convert.ts";
import { renderCommand } from "./mesh/render.ts";

export interface RunOptions {
  readonly argv: readonly string[];
  /** The part of node's process that is used. */
  readonly process: Pick<NodeJS.Process, "env" | "stdout" | "stderr" | "on" | "off" | "exit"> & {
    geteuid?: () => number;
  };
  readonly program: string;
}

/** A terminal's Ctrl-C reaches us directly and again through npm or a launcher; that is one wish, not two. */
const sameWishMs = 300;

/** Runs one command line. @returns the exit code */
export async function runNsmctl({ argv, process, program }: RunOptions): Promise<number> {
  const stop = new AbortController();
  let stoppedMs: number | undefined;
  const onSignal = (): void => {
    if (stoppedMs === undefined) stoppedMs = performance.now();
    else if (performance.now() - stoppedMs > sameWishMs) process.exit(exitCodes.interrupted);
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  let code: number = exitCodes.ok;
  const io: CommandIo = {
    env: process.env,
    uid: process.geteuid?.() ?? 0,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
    program,
  };
  try {
    await createProgram(io, (result) => {
      code = result;
    }).parseAsync([...argv]);
    if (stop.signal.aborted && code === exitCodes.ok) code = exitCodes.interrupted;
  } catch (error) {
    code = exitCodeOf(error, stop.signal);
    if (!(error instanceof CommanderError)) process.stderr.write(`nsmctl: ${messageOf(error)}\n`);
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onSignal);
  }
  return code;
}

export function createProgram(io: CommandIo, exit: (code: number) => void): Command {
  const program = new Command("nsmctl")
    .description("Network Service Mesh from the command line.")
    .version(pkg.version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .showHelpAfterError("(--help tells more)");
  labCommand(program, io, exit);
  agentCommand(program, io, exit);
  cnfCommand(program, io, exit);
  renderCommand(program, io);
  convertCommand(program, io);
  return program;
}

const usageCodes: ReadonlySet<string> = new Set(["INVALID_ARGUMENT", "INVALID_CONFIG", "NOT_FOUND"]);

export function exitCodeOf(error: unknown, signal?: AbortSignal): number {
  if (signal?.aborted) return exitCodes.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  return isCodedError(error) && usageCodes.has(error.code) ? exitCodes.usage : exitCodes.failed;
}
