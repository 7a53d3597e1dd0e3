import { access } from "node:fs/promises";
import { openEtcd, readEtcdConf } from "@nsmkit/agent/etcd";
import { CodedError, type Logger } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { type ClusterConfig, inClusterConfig, KubeClient, loadKubeconfig } from "@nsmkit/kube";
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
  const cluster = await clusterOf(config);
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

async function clusterOf({ kubeconfig, kubernetesHost, kubernetesPort }: CnfCrdConfig): Promise<ClusterConfig> {
  if (kubeconfig !== undefined) return loadKubeconfig(kubeconfig);
  const isThere = await access(usualKubeconfig).then(
    () => true,
    () => false,
  );
  if (isThere) return loadKubeconfig(usualKubeconfig);
  return inClusterConfig({ KUBERNETES_SERVICE_HOST: kubernetesHost, KUBERNETES_SERVICE_PORT: kubernetesPort });
}
