import { type Command, Option } from "commander";

export interface OutputOptions<F extends string> {
  readonly output?: F;
  readonly format?: F;
}

/** Adds `-o`, and agentctl's `-f` for the same. The first format is the default. */
export function addOutput(command: Command, formats: readonly [string, ...string[]]): Command {
  return command
    .addOption(new Option("-o, --output <format>", `form of the output (default: "${formats[0]}")`).choices(formats))
    .addOption(new Option("-f, --format <format>", "the same").choices(formats).hideHelp());
}

export function outputOf<F extends string>(given: OutputOptions<F>, standard: F): F {
  return given.output ?? given.format ?? standard;
}

/** "3 s", "5 min", "2 h", "4 d": how long ago, in the largest unit that fits. */
export function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** For options that may be given again: each adds to a list. */
export const listed = (value: string, before: readonly string[] = []): string[] => [...before, value];
