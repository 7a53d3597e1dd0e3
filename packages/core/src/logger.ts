/** Structured fields of a log line. A secret never goes in; an error goes in as `error`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The logger that libraries are handed. The message is a constant sentence; what varies goes into the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line also carries `fields`. */
  child(fields: LogFields): Logger;
}

const nothing = (): void => {};

/** The default of every library: says nothing. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
