import { readEtcdConf } from "@nsmkit/agent/etcd/conf";
import type { EtcdNorthbound } from "@nsmkit/agent/northbound/etcd";
import type { Clock, Logger } from "@nsmkit/core";
import type { AgentConfig } from "./settings.ts";

export interface EtcdDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** What variables in values stand for. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** @returns undefined when there is no etcd.conf, or it is switched off */
export async function openEtcdOf(config: AgentConfig, deps: EtcdDeps): Promise<EtcdNorthbound | undefined> {
  if (!config.sources.includes("etcd")) return undefined;
  const { logger } = deps;
  const conf = await readEtcdConf(config.etcdConfig, {
    directory: config.configDir,
    environment: {
      ETCD_ENDPOINTS: config.etcdEndpoints,
      ETCDV3_ENDPOINTS: config.etcdv3Endpoints,
      ETCD_USER: config.etcdUser,
      ETCD_PASSWORD: config.etcdPassword,
      ETCD_EXPAND_ENV_VARS: config.etcdExpandVariables,
    },
    logger,
  });
  if (!conf) return undefined;
  // The parts for gRPC are loaded by those who need them.
  const { openEtcdNorthbound } = await import("@nsmkit/agent/northbound/etcd");
  logger.info("etcd is used", { file: conf.path, endpoints: conf.client.endpoints });
  return openEtcdNorthbound({ ...deps, conf, label: config.microserviceLabel, publishStates: !config.noStates });
}
