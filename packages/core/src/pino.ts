import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from "pino";
import type { LogFields, Logger } from "./logger.ts";

/** Upstream NSM's level names (logrus) and our own, to pino's. */
const levels = {
  TRACE: "trace",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  WARNING: "warn",
  ERROR: "error",
  FATAL: "fatal",
  PANIC: "fatal",
} as const;
export type LogLevel = keyof typeof levels;
export const logLevels: readonly LogLevel[] = Object.keys(levels) as LogLevel[];

export interface JsonLogger extends Logger {
  /** Changes the level of this logger and of all its children. */
  setLevel(level: LogLevel): void;
}

/** One for a whole family of loggers: pino fixes a child's level when the child is made, so pino itself filters nothing. */
interface Gate {
  lowest: number;
}
const rank = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };

/**
 * A logger that writes one JSON object a line.
 * @param options.level lowest level that is written; default INFO
 * @param options.destination default standard error, so that a program's standard output stays its own
 */
export function createJsonLogger(options: {
  name: string;
  level?: LogLevel;
  destination?: DestinationStream;
}): JsonLogger {
  const root = pino(
    { name: options.name, level: "trace", serializers: { error: stdSerializers.errWithCause } },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
  const gate: Gate = { lowest: rank[levels[options.level ?? "INFO"]] };
  return {
    ...wrap(root, gate),
    setLevel: (level) => {
      gate.lowest = rank[levels[level]];
    },
  };
}

function wrap(to: PinoLogger, gate: Gate): Logger {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields?: LogFields): void => {
      if (gate.lowest <= rank[level]) to[level](fields ?? {}, message);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(to.child(fields), gate),
  };
}
