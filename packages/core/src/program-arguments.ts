import type { Environment, SettingsSpec } from "./config.ts";
import { CodedError } from "./errors.ts";

/** `NSM_CONNECT_TO` is `--nsm-connect-to`, as in the programs that these stand for (cn-infra config, upstream's flags). */
export const flagOf = (name: string): string => `--${name.toLowerCase().replaceAll("_", "-")}`;

/**
 * The environment with the settings that are given as arguments, which win: `--microservice-label=nat`,
 * `--microservice-label nat`, a switch without a value as `--kube-verbose`. One dash does too, as Go's flags accept.
 * @throws CodedError INVALID_ARGUMENT naming the argument and what helps
 */
export function withArguments(spec: SettingsSpec, env: Environment, args: readonly string[]): Environment {
  const settings = Object.values(spec);
  const known = new Map(
    settings.flatMap((one) => [one.env, ...(one.aliases ?? [])].map((name) => [flagOf(name), one])),
  );
  const given: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    const [, name = "", , value] = /^--?([A-Za-z][^=]*)(=(.*))?$/s.exec(argument) ?? [];
    if (name === "")
      throw new CodedError("INVALID_ARGUMENT", `unknown argument ${argument.slice(0, 60)}; write --setting=value`);
    const flag = `--${name}`;
    const setting = known.get(flag);
    if (!setting)
      throw new CodedError("INVALID_ARGUMENT", `unknown argument ${flag.slice(0, 60)}; see --help for the settings`);
    if (setting.secret)
      throw new CodedError(
        "INVALID_ARGUMENT",
        `${flag} cannot be given as an argument, which every user of the machine can read; set ${setting.env} in the environment`,
      );
    if (setting.env in given) throw new CodedError("INVALID_ARGUMENT", `${flag} is given twice; keep one`);
    given[setting.env] = value ?? (setting.type === "boolean" ? "true" : following(flag, args[++i]));
  }
  // An alias in the environment must not win over the argument.
  const overridden = new Set(settings.flatMap((one) => (one.env in given ? (one.aliases ?? []) : [])));
  const rest = Object.entries(env).filter(([name]) => !overridden.has(name));
  return { ...Object.fromEntries(rest), ...given };
}

function following(flag: string, next: string | undefined): string {
  if (next === undefined || next.startsWith("--"))
    throw new CodedError("INVALID_ARGUMENT", `${flag} has no value; write ${flag}=value`);
  return next;
}
