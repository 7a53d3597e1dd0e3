import {
  type Conf,
  checkLinuxPluginConf,
  type GrpcConf,
  type HttpConf,
  type LogsConf,
  linuxPlugins,
  readConf,
  readGrpcConf,
  readHttpConf,
  readLogsConf,
  readSchedulerConf,
  type SchedulerConf,
  within,
} from "@nsmkit/agent/conf";
import type { Logger } from "@nsmkit/core";
import type { AgentConfig } from "./settings.ts";

/** What the configuration files of the parts say, with their defaults. */
export interface AgentConf {
  readonly files: { readonly initial: readonly string[]; readonly paths: readonly string[] };
  /** undefined: there is no HTTP server. */
  readonly http: HttpConf | undefined;
  /** undefined: there is no gRPC server. */
  readonly grpc: GrpcConf | undefined;
  readonly scheduler: SchedulerConf;
  readonly logs: LogsConf;
}

/** @throws CodedError INVALID_CONFIG naming file, field, value and remedy */
export async function readAgentConf(config: AgentConfig, logger: Logger): Promise<AgentConf> {
  const directory = config.configDir;
  const read = async (part: string, given: string | undefined): Promise<Conf | undefined> =>
    readConf(part, given, { directory });
  const [filedb, initial, http, grpc, scheduler, logs, ...plugins] = await Promise.all([
    read("filedb", config.fileConfig),
    read("initfileregistry", config.initialConfig),
    read("http", config.httpConfig),
    read("grpc", config.grpcConfig),
    read("kvscheduler", config.schedulerConfig),
    read("logs", config.logsConfig),
    ...linuxPlugins.map((part) => read(part, undefined)),
  ]);
  for (const plugin of plugins) if (plugin) checkLinuxPluginConf(plugin);
  // Sending lines elsewhere is for those who collect the output of programs.
  logs?.accept("hooks");
  const conf = {
    files: {
      initial: initial?.flag("disable-initial-configuration")
        ? []
        : [within(directory, initial?.text("initial-configuration-file-path") ?? "initial-config.yaml")],
      paths: (filedb?.texts("configuration-paths") ?? []).map((path) => within(directory, path)),
    },
    http: await readHttpConf(http, { directory, port: config.httpPort }),
    grpc: await readGrpcConf(grpc, { directory, port: config.grpcPort }),
    scheduler: readSchedulerConf(scheduler),
    logs: readLogsConf(logs),
  };
  for (const one of [filedb, initial, http, grpc, scheduler, logs, ...plugins]) {
    const unknown = one?.unused() ?? [];
    if (one && unknown.length > 0)
      logger.warn("settings of a file have no effect in this agent", { file: one.path, settings: unknown });
  }
  return conf;
}
