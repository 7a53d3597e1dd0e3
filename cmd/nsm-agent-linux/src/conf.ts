import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { type Conf, readConf } from "@nsmkit/agent/conf";
import { CodedError, type Logger } from "@nsmkit/core";
import type { AgentConfig } from "./settings.ts";

/** What the configuration files of the parts say, with their defaults. */
export interface AgentConf {
  readonly files: { readonly initial: readonly string[]; readonly paths: readonly string[] };
  /** undefined: there is no HTTP server. */
  readonly http:
    | {
        readonly endpoint: string;
        readonly basicAuth: readonly string[];
        readonly tls?: { readonly cert: string; readonly key: string; readonly clientCas?: readonly string[] };
      }
    | undefined;
  /** Listen URL; undefined: there is no gRPC server. */
  readonly grpc: string | undefined;
}

/** @throws CodedError INVALID_CONFIG naming file, field, value and remedy */
export async function readAgentConf(config: AgentConfig, logger: Logger): Promise<AgentConf> {
  const directory = config.configDir;
  const read = async (part: string, given: string | undefined): Promise<Conf | undefined> =>
    readConf(part, given, { directory });
  const [filedb, initial, http, grpc] = await Promise.all([
    read("filedb", config.fileConfig),
    read("initfileregistry", config.initialConfig),
    read("http", config.httpConfig),
    read("grpc", config.grpcConfig),
  ]);
  const conf = {
    files: {
      initial: initial?.flag("disable-initial-configuration")
        ? []
        : [within(directory, initial?.text("initial-configuration-file-path") ?? "initial-config.yaml")],
      paths: (filedb?.texts("configuration-paths") ?? []).map((path) => within(directory, path)),
    },
    http: await httpOf(config, http, directory),
    grpc: grpcOf(config, grpc),
  };
  for (const one of [filedb, initial, http, grpc]) {
    const unknown = one?.unused() ?? [];
    if (one && unknown.length > 0)
      logger.warn("settings of a file have no effect in this agent", { file: one.path, settings: unknown });
  }
  return conf;
}

function within(directory: string, path: string): string {
  return isAbsolute(path) ? path : join(directory, path);
}

async function httpOf(config: AgentConfig, conf: Conf | undefined, directory: string): Promise<AgentConf["http"]> {
  const disabled = conf?.flag("disable") ?? false;
  const endpoint = conf?.text("endpoint") ?? "0.0.0.0:9191";
  const basicAuth = conf?.texts("client-basic-auth") ?? [];
  const cert = conf?.text("server-cert-file");
  const key = conf?.text("server-key-file");
  const clientCas = conf?.texts("client-cert-files") ?? [];
  if (disabled && config.httpPort === undefined) return undefined;
  const bad = basicAuth.find((pair) => !/^[^:]+:.+$/s.test(pair));
  if (conf && bad !== undefined)
    throw new CodedError("INVALID_CONFIG", `${conf.path}: an entry of "client-basic-auth" is no user:password pair`);
  if (conf && (cert === undefined) !== (key === undefined))
    throw new CodedError(
      "INVALID_CONFIG",
      `${conf.path}: "server-cert-file" and "server-key-file" go together; give both`,
    );
  const text = async (path: string): Promise<string> => {
    try {
      return await readFile(within(directory, path), "utf8");
    } catch (cause) {
      throw new CodedError("INVALID_CONFIG", `${conf?.path}: ${path} cannot be read: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  return {
    endpoint: config.httpPort === undefined ? endpoint : `0.0.0.0:${config.httpPort}`,
    basicAuth,
    ...(cert !== undefined && key !== undefined
      ? {
          tls: {
            cert: await text(cert),
            key: await text(key),
            ...(clientCas.length > 0 ? { clientCas: await Promise.all(clientCas.map(text)) } : {}),
          },
        }
      : {}),
  };
}

function grpcOf(config: AgentConfig, conf: Conf | undefined): string | undefined {
  if (config.grpcPort !== undefined) return `tcp://0.0.0.0:${config.grpcPort}`;
  if (!conf) return undefined;
  const network = conf.text("network") ?? "tcp";
  const endpoint = conf.text("endpoint") ?? "0.0.0.0:9111";
  const insecure = conf.flag("insecure-transport") ?? false;
  if (!insecure && (conf.text("cert-file") ?? "") !== "")
    throw new CodedError(
      "INVALID_CONFIG",
      `${conf.path}: "cert-file" is set, but this agent serves gRPC without TLS only; set insecure-transport: true or remove it`,
    );
  if (network === "unix") return endpoint.startsWith("unix:") ? endpoint : `unix://${endpoint}`;
  if (/^tcp[46]?$/.test(network)) return `tcp://${endpoint}`;
  throw new CodedError("INVALID_CONFIG", `${conf.path}: "network" is ${JSON.stringify(network)}, must be tcp or unix`);
}
