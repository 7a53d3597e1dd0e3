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
  /** Changes the level of this logger and of all children made after the call. */
  setLevel(level: LogLevel): void;
}

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
    { name: options.name, level: levels[options.level ?? "INFO"], serializers: { error: stdSerializers.errWithCause } },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
  return { ...wrap(root), setLevel: (level) => (root.level = levels[level]) };
}

function wrap(to: PinoLogger): Logger {
  return {
    debug: (message, fields) => to.debug(fields ?? {}, message),
    info: (message, fields) => to.info(fields ?? {}, message),
    warn: (message, fields) => to.warn(fields ?? {}, message),
    error: (message, fields) => to.error(fields ?? {}, message),
    child: (fields: LogFields) => wrap(to.child(fields)),
  };
}
