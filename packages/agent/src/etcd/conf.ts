import { readFile } from "node:fs/promises";
import { CodedError, type Logger, silentLogger } from "@nsmkit/core";
import { type Conf, type ConfPlaces, readConf } from "../conf/conf.ts";
import { within } from "../conf/files.ts";
import type { EtcdOptions, EtcdTls } from "./api.ts";

/** What etcd.conf says (cn-infra db/keyval/etcd), with its defaults. */
export interface EtcdConf {
  /** The file. */
  readonly path: string;
  /** For `openEtcd`. */
  readonly client: Omit<EtcdOptions, "logger" | "clock">;
  /** Life of the lease that what we publish is bound to, s; `session-ttl`, default 5. */
  readonly sessionTtlSeconds: number;
  /** Start without etcd and take it up when it comes; default false. */
  readonly allowDelayedStart: boolean;
  /** Longest wait between attempts to reach etcd, ms; default 2000. */
  readonly reconnectIntervalMs: number;
  /** Read the system again after each reconnect; default false. */
  readonly resyncAfterReconnect: boolean;
  /** Forget history every so many ms; undefined: never. */
  readonly autoCompactMs: number | undefined;
  /** Replace `$VAR` in values by variables of the environment; default false. */
  readonly expandVariables: boolean;
}

export interface EtcdConfPlaces extends ConfPlaces {
  /** For ETCD_ENDPOINTS, ETCDV3_ENDPOINTS and ETCD_EXPAND_ENV_VARS. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told once of an etcd that is not used, and of what in the file has no effect. */
  readonly logger?: Logger;
}

const defaultEndpoint = "127.0.0.1:2379";

/**
 * Reads etcd.conf as Ligato agents do.
 * @param given value of ETCD_CONFIG: undefined for `etcd.conf`, "" for no etcd
 * @returns undefined when etcd is not to be used: it is switched off, or there is no such file
 * @throws CodedError INVALID_CONFIG naming file, setting, value and remedy
 */
export async function readEtcdConf(given: string | undefined, places: EtcdConfPlaces): Promise<EtcdConf | undefined> {
  const { environment, logger = silentLogger, directory = "." } = places;
  const conf = await readConf("etcd", given, places);
  if (!conf) {
    const why = given === "" ? "ETCD_CONFIG is empty" : "there is no such file";
    logger.info("etcd is not used", { why, ...(given === "" ? {} : { file: given ?? "etcd.conf", directory }) });
    return undefined;
  }
  const insecure = conf.flag("insecure-transport") ?? false;
  const skipVerify = conf.flag("insecure-skip-tls-verify") ?? false;
  const files = await certificates(conf, directory, logger);
  const plain = insecure || Object.keys(files).length === 0;
  const endpoints = endpointsOf(conf, environment);
  const user = conf.text("user") || environment.ETCD_USER || undefined;
  const password = conf.text("password") || environment.ETCD_PASSWORD || undefined;
  const read: EtcdConf = {
    path: conf.path,
    client: {
      // Without certificates only an endpoint that says https:// itself has TLS.
      endpoints: plain
        ? endpoints.map((one) => (/^(?:[a-z]+:\/\/|unixs?:)/.test(one) ? one : `http://${one}`))
        : endpoints,
      ...(skipVerify || !plain ? { tls: { ...(plain ? {} : files), ...(skipVerify ? { skipVerify } : {}) } } : {}),
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      dialTimeoutMs: duration(conf, "dial-timeout", logger) ?? 1000,
      operationTimeoutMs: duration(conf, "operation-timeout", logger) ?? 3000,
    },
    sessionTtlSeconds: conf.number("session-ttl") || 5,
    allowDelayedStart: conf.flag("allow-delayed-start") ?? false,
    reconnectIntervalMs: duration(conf, "reconnect-interval", logger) ?? 2000,
    resyncAfterReconnect: conf.flag("resync-after-reconnect") ?? false,
    autoCompactMs: duration(conf, "auto-compact", logger),
    expandVariables: (conf.flag("expand-env-variables") ?? false) || Boolean(environment.ETCD_EXPAND_ENV_VARS),
  };
  const unknown = conf.unused();
  if (unknown.length > 0) logger.warn("settings of a file have no effect", { file: conf.path, settings: unknown });
  return read;
}

function endpointsOf(conf: Conf, environment: EtcdConfPlaces["environment"]): readonly string[] {
  const listed = conf.texts("endpoints") ?? [];
  const given =
    listed.length > 0 ? listed : (environment.ETCD_ENDPOINTS || environment.ETCDV3_ENDPOINTS || "").split(",");
  const named = given.map((one) => one.trim()).filter((one) => one !== "");
  return named.length > 0 ? named : [defaultEndpoint];
}

/** ms; undefined for 0, which stands for the default in the original's files. */
function duration(conf: Conf, name: string, logger: Logger): number | undefined {
  const ms = conf.durationMs(name);
  if (ms === undefined || ms === 0) return undefined;
  if (ms < 1) {
    logger.warn("a duration without a unit is in nanoseconds", { file: conf.path, setting: name, ms });
    return 1;
  }
  return Math.ceil(ms);
}

async function certificates(
  conf: Conf,
  directory: string,
  logger: Logger,
): Promise<Pick<EtcdTls, "ca" | "cert" | "key">> {
  const [certFile, keyFile, caFile] = ["cert-file", "key-file", "ca-file"].map((name) => conf.text(name) || undefined);
  if ((certFile === undefined) !== (keyFile === undefined))
    logger.warn("a certificate without its key, or a key alone, has no effect", { file: conf.path });
  const both = certFile !== undefined && keyFile !== undefined;
  return {
    ...(caFile === undefined ? {} : { ca: await pem(conf, "ca-file", caFile, directory) }),
    ...(both ? { cert: await pem(conf, "cert-file", certFile, directory) } : {}),
    ...(both ? { key: await pem(conf, "key-file", keyFile, directory) } : {}),
  };
}

/** As given, from the working directory, as the original has it; else beside the other files. */
async function pem(conf: Conf, name: string, path: string, directory: string): Promise<string> {
  let cause: unknown;
  for (const candidate of new Set([path, within(directory, path)])) {
    try {
      return await readFile(candidate, "utf8");
    } catch (error) {
      cause ??= error;
    }
  }
  const why = (cause as Error).message;
  throw new CodedError("INVALID_CONFIG", `${conf.path}: "${name}": ${path} cannot be read: ${why}`, { cause });
}
