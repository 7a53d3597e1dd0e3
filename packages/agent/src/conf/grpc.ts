import type { GrpcPlace } from "../northbound/grpc/server/listen.ts";
import type { Conf } from "./conf.ts";
import { readTls, type ServerTls } from "./files.ts";

/** What grpc.conf says (cn-infra rpc/grpc). */
export interface GrpcConf {
  readonly place: GrpcPlace;
  readonly tls?: ServerTls;
  /** bytes */
  readonly maxMessageBytes?: number;
  readonly maxConcurrentStreams?: number;
  /** Count calls for GET /metrics. */
  readonly prometheusMetrics: boolean;
}

/**
 * @param conf undefined: there is no such file
 * @param options.port GRPC_PORT, which wins over the file's endpoint
 * @returns undefined when neither asks for a server
 * @throws CodedError INVALID_CONFIG naming file, setting, value and remedy
 */
export async function readGrpcConf(
  conf: Conf | undefined,
  options: { directory: string; port: number | undefined },
): Promise<GrpcConf | undefined> {
  const { port, directory } = options;
  const everywhere = (at: number): GrpcPlace => ({ network: "tcp", host: "0.0.0.0", port: at });
  if (!conf) return port === undefined ? undefined : { place: everywhere(port), prometheusMetrics: false };
  // Calls are logged with LOG_LEVEL=debug.
  conf.accept("extended-logging");
  const declared = placeOf(conf);
  const insecure = conf.flag("insecure-transport") ?? false;
  const names = { cert: "cert-file", key: "key-file", clientCas: "ca-files" };
  if (insecure) conf.accept(...Object.values(names));
  const tls = insecure ? undefined : await readTls(conf, names, directory);
  const maxMessageBytes = conf.number("max-msg-size") || undefined;
  const maxConcurrentStreams = conf.number("max-concurrent-streams") || undefined;
  return {
    place: port === undefined ? declared : everywhere(port),
    ...(tls ? { tls } : {}),
    ...(maxMessageBytes ? { maxMessageBytes } : {}),
    ...(maxConcurrentStreams ? { maxConcurrentStreams } : {}),
    prometheusMetrics: conf.flag("prometheus-metrics") ?? false,
  };
}

function placeOf(conf: Conf): GrpcPlace {
  const network = conf.text("network") || "tcp";
  const permission = conf.number("permission") ?? 0;
  const takeOver = conf.flag("force-socket-removal") ?? false;
  switch (network) {
    case "tcp":
    case "tcp4":
    case "tcp6":
      return { network, ...addressOf(conf) };
    case "unix": {
      const path = (conf.text("endpoint") ?? "").replace(/^unix:(\/\/)?/, "");
      if (!path.startsWith("/"))
        throw conf.wrong("endpoint", path, "must be the path of a socket such as /run/agent.sock");
      return { network, path, ...modeOf(conf, permission), ...(takeOver ? { takeOver } : {}) };
    }
    case "unixpacket":
      throw conf.wrong("network", network, "which this agent does not have; write unix, whose clients are the same");
    default:
      throw conf.wrong("network", network, "must be tcp, tcp4, tcp6 or unix");
  }
}

function addressOf(conf: Conf): { host: string; port: number } {
  const endpoint = conf.text("endpoint") ?? "0.0.0.0:9111";
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:/\s]*):(\d{1,5})$/.exec(endpoint) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw conf.wrong("endpoint", endpoint, "must be host:port such as 0.0.0.0:9111");
  return { host, port: Number(port) };
}

/** Written as chmod takes it, in digits of 8; 0 stands for the default. */
function modeOf(conf: Conf, permission: number): { mode?: number } {
  if (permission === 0) return {};
  if (!/^[0-7]{1,4}$/.test(String(permission)))
    throw conf.wrong("permission", permission, "must be three or four digits from 0 to 7 such as 660");
  return { mode: Number.parseInt(String(permission), 8) };
}
