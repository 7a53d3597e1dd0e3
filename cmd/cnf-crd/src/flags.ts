import type { SettingsSpec } from "@nsmkit/core/config";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The original's convention: a flag is its variable in lower case with dashes, `--kube-config FILE` for KUBE_CONFIG, and
 * wins over it. `--verbose` logs more. What is neither stays among the arguments, to be refused.
 */
export function withFlags(
  settings: SettingsSpec,
  argv: readonly string[],
  env: Environment,
): { readonly argv: string[]; readonly env: Environment } {
  const names = new Set(Object.values(settings).flatMap((setting) => [setting.env, ...(setting.aliases ?? [])]));
  const [node = "", script = "", ...args] = argv;
  const rest: string[] = [];
  const given: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    const [, flag, value] = /^--?([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(arg) ?? [];
    const variable = flag?.toUpperCase().replaceAll("-", "_") ?? "";
    if (flag === "verbose" && (value === undefined || value === "true")) given.NSM_LOG_LEVEL = "DEBUG";
    else if (names.has(variable) && value !== undefined) given[variable] = value;
    else if (names.has(variable) && i + 1 < args.length) given[variable] = args[++i] ?? "";
    else rest.push(arg);
  }
  return { argv: [node, script, ...rest], env: { ...env, ...given } };
}
