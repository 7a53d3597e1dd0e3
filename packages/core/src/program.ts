import pkg from "../package.json" with { type: "json" };
import { type ConfigOf, type Environment, parseConfig, type SettingsSpec, settingsUsage } from "./config.ts";
import { isCodedError, messageOf } from "./errors.ts";
import type { Closable } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";
import { createJsonLogger, type JsonLogger, type LogLevel, logLevels } from "./pino.ts";
import { withArguments } from "./program-arguments.ts";

/** What `run` returns: closed on SIGINT and SIGTERM. */
export interface Running extends Closable {
  /** For programs that may end by themselves: resolves = exit 0, rejects = exit 1. */
  readonly done?: Promise<void>;
}

export interface Program<S extends SettingsSpec> {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly description: string;
  readonly settings: S;
  /** Names of the environment that this program accepts from upstream's manifests without using them. */
  readonly unused?: readonly string[];
  /** Bound for `close`, ms; default 10,000. */
  readonly closeTimeoutMs?: number;
  /** Starts the program. `signal` is cancelled when it shall stop, so that waiting at start ends too. */
  run(config: ConfigOf<S>, deps: { logger: Logger; signal: AbortSignal }): Promise<Running>;
}

/** The part of node's `process` that a program needs; tests pass their own. */
export interface ProgramProcess {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  exit(code: number): void;
}

/** Added to every program's own settings. */
export const commonSettings = {
  logLevel: {
    env: "NSM_LOG_LEVEL",
    aliases: ["LOG_LEVEL"],
    type: "enum",
    values: logLevels,
    default: "INFO",
    text: "Least serious level that is logged. SIGUSR1 switches to TRACE, SIGUSR2 back.",
  },
} as const satisfies SettingsSpec;

/** A terminal's Ctrl-C reaches us directly and again through npm or a launcher; that is one wish, not two. */
const sameWishMs = 300;

/**
 * The life of a program: `--help`, `--version`, settings from arguments and the environment, run, stop on a signal.
 * Exit codes: 0 stopped as asked, 1 failed, 2 wrong settings or arguments.
 */
export async function runProgram<const S extends SettingsSpec>(
  program: Program<S>,
  process: ProgramProcess,
): Promise<void> {
  const settings = { ...program.settings, ...commonSettings };
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return leave(process, 0, usage(program, settings));
  if (args.includes("--version")) return leave(process, 0, `${program.name} ${pkg.version}\n`);
  let config: ConfigOf<S> & { logLevel: LogLevel };
  try {
    config = parseConfig(settings, withArguments(settings, process.env, args)) as typeof config;
  } catch (error) {
    if (isCodedError(error, "INVALID_ARGUMENT")) return leave(process, 2, `${program.name}: ${error.message}\n`);
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    return leave(process, 2, `${program.name}: wrong settings\n${indent(error.message)}`);
  }
  const logger = createJsonLogger({ name: program.name, level: config.logLevel });
  reportUnknown(program, settings, process.env, logger);
  await live(program, config, logger, process);
}

async function live<S extends SettingsSpec>(
  program: Program<S>,
  config: ConfigOf<S> & { logLevel: LogLevel },
  logger: JsonLogger,
  process: ProgramProcess,
): Promise<void> {
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  let firstSignalMs: number | undefined;
  const onStop = (signal: string): void => {
    if (firstSignalMs === undefined) {
      firstSignalMs = performance.now();
      logger.info("stopping", { signal });
      stop.abort();
    } else if (performance.now() - firstSignalMs > sameWishMs) {
      logger.warn("stopped at once by a second signal; things of this program may be left behind", { signal });
      process.exit(1);
    }
  };
  const onLoud = (): void => logger.setLevel("TRACE");
  const onQuiet = (): void => logger.setLevel(config.logLevel);
  const onUnhandled = (error: unknown): void => {
    logger.error("unexpected error, stopping", { error });
    process.exit(1);
  };
  const listeners: [string, (value: unknown) => void][] = [
    ["SIGINT", () => onStop("SIGINT")],
    ["SIGTERM", () => onStop("SIGTERM")],
    ["SIGUSR1", onLoud],
    ["SIGUSR2", onQuiet],
    ["unhandledRejection", onUnhandled],
    ["uncaughtException", onUnhandled],
  ];
  for (const [event, listener] of listeners) process.on(event, listener);
  let code = 0;
  try {
    const running = await program.run(config, { logger, signal: stop.signal });
    try {
      await Promise.race([stopped, running.done ?? stopped]);
    } finally {
      if (!(await closes(running, program.closeTimeoutMs ?? 10_000, logger))) code = 1;
    }
  } catch (error) {
    if (!stop.signal.aborted) {
      code = 1;
      logger.error("failed", { code: isCodedError(error) ? error.code : "INTERNAL", reason: messageOf(error), error });
    }
  }
  for (const [event, listener] of listeners) process.off(event, listener);
  process.exit(code);
}

/** @returns whether everything was put away in time */
async function closes(running: Running, timeoutMs: number, logger: Logger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), timeoutMs);
  });
  try {
    if ((await Promise.race([running.close(), late])) !== "late") return true;
    logger.error("closing took too long; things of this program may be left behind", { timeoutMs });
  } catch (error) {
    logger.error("closing failed; things of this program may be left behind", { error });
  } finally {
    clearTimeout(timer);
  }
  return false;
}

/** Tells of NSM_* variables that have no effect: a misspelt setting must not pass in silence. */
function reportUnknown(program: Program<SettingsSpec>, settings: SettingsSpec, env: Environment, logger: Logger): void {
  const known = new Set(Object.values(settings).flatMap((setting) => [setting.env, ...(setting.aliases ?? [])]));
  const unused = new Set(program.unused);
  for (const name of Object.keys(env)) {
    if (unused.has(name)) logger.info("setting has no effect in this program", { setting: name });
    // Kubernetes makes NSM_<SERVICE>_SERVICE_HOST and the like of every Service of the namespace.
    else if (name.startsWith("NSM_") && !known.has(name) && !/_(SERVICE_(HOST|PORT\w*)|PORT(_\w+)?)$/.test(name))
      logger.warn("unknown setting is ignored", { setting: name, known: [...known].sort() });
  }
}

function usage(program: Program<SettingsSpec>, settings: SettingsSpec): string {
  return `${program.name}: ${program.description}\n\nUsage: ${program.name} [--help | --version | --setting=value ...]\n\nSettings, from the environment or as arguments (NSM_NAME is --nsm-name):\n${settingsUsage(settings)}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ").concat("\n");
}

function leave(process: ProgramProcess, code: number, text: string): void {
  (code === 0 ? process.stdout : process.stderr).write(text);
  process.exit(code);
}
