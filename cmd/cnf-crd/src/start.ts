import { access } from "node:fs/promises";
import { openEtcd, readEtcdConf } from "@nsmkit/agent/etcd";
import { CodedError, type Logger } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { type ClusterConfig, clusterOf, KubeClient } from "@nsmkit/kube";
import { createCnfCrd } from "./app.ts";
import { CnfCrdMetrics } from "./metrics.ts";
import type { CnfCrdConfig } from "./settings.ts";

/** Where the first controller looked before it took the Pod's service account. */
const usualKubeconfig = "/etc/kubernetes/admin.conf";

export interface StartDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** For what etcd.conf leaves to the environment: ETCD_ENDPOINTS and the like. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The program: finds its API server and its etcd and starts there. */
export async function startCnfCrd(config: CnfCrdConfig, { logger, environment }: StartDeps): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const cluster = await findCluster(config);
  const metrics = new CnfCrdMetrics();
  const client = opened.use(new KubeClient(cluster, { onAnswer: metrics.kube.answered(cluster.server) }));
  const { etcdConfig, configDir: directory } = config;
  const conf = await readEtcdConf(etcdConfig, { directory, environment, logger });
  if (!conf) {
    throw new CodedError(
      "NOT_FOUND",
      `there is no file ${etcdConfig} with the endpoints of etcd; mount it and name it in ETCD_CONFIG`,
    );
  }
  const etcd = opened.use(openEtcd({ ...conf.client, logger }));
  const namespace = config.namespace ?? client.namespace;
  const controller = opened.use(await createCnfCrd({ ...config, namespace }, { client, etcd, logger, metrics }));
  logger.info("started", { apiServer: cluster.server, etcd: etcd.name });
  const running = opened.move();
  const close = (): Promise<void> => running.disposeAsync();
  return { done: controller.done, close, [Symbol.asyncDispose]: close };
}

/** The Pod's service account is the last resort of the first controller too. */
async function findCluster(config: CnfCrdConfig): Promise<ClusterConfig> {
  if (config.kubeconfig !== undefined) return clusterOf(config);
  const isThere = await access(usualKubeconfig).then(
    () => true,
    () => false,
  );
  return clusterOf(isThere ? { ...config, kubeconfig: usualKubeconfig } : config);
}
