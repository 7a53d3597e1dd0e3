import { CodedError } from "@nsmkit/core";
import type { Conf } from "./conf.ts";

/** The original's files of its Linux plugins, by part: how many threads they use is nothing that this agent has. */
export const linuxPlugins = ["linux-ifplugin", "linux-l3plugin", "linux-nsplugin", "linux-iptablesplugin"] as const;

/** @throws CodedError UNSUPPORTED for a plugin that is to be left out */
export function checkLinuxPluginConf(conf: Conf): void {
  conf.accept("go-routines-count", "dump-go-routines-count", "handler");
  if (!conf.flag("disabled")) return;
  throw new CodedError(
    "UNSUPPORTED",
    `${conf.path}: "disabled" is true, but no part of this agent can be left out; declare nothing for it instead`,
  );
}
