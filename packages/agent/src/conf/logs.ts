import type { Conf } from "./conf.ts";

/** What logs.conf says (cn-infra logging/logmanager): levels by logger. */
export interface LogsConf {
  /** Of every logger without a level of its own. */
  readonly level?: string;
  readonly loggers: readonly { readonly name: string; readonly level: string }[];
}

const levels = /^(trace|debug|info|warn|warning|error|fatal|panic)$/i;

/** @throws CodedError INVALID_CONFIG naming file, setting, value and remedy */
export function readLogsConf(conf: Conf | undefined): LogsConf {
  if (!conf) return { loggers: [] };
  const levelOf = (of: Conf, name: string): string => {
    const level = of.text(name) ?? "";
    if (!levels.test(level)) throw of.wrong(name, level, "must be debug, info, warn or error");
    return level;
  };
  const given = conf.text("default-level");
  const level = given === undefined || given === "" ? undefined : levelOf(conf, "default-level");
  const loggers = (conf.parts("loggers") ?? []).map((part) => {
    const name = part.text("name") ?? "";
    if (name === "") throw part.wrong("name", name, "must be the name of a logger; GET /log/list has them");
    // The original's own sample ends names in a comma.
    return { name: name.replace(/,$/, ""), level: levelOf(part, "level") };
  });
  return { ...(level === undefined ? {} : { level }), loggers };
}
