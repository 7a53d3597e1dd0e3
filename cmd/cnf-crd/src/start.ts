import { access } from "node:fs/promises";
import { openEtcd } from "@nsmkit/agent/etcd";
import type { Logger } from "@nsmkit/core";
import type { Running } from "@nsmkit/core/program";
import { type ClusterConfig, inClusterConfig, KubeClient, loadKubeconfig } from "@nsmkit/kube";
import { createCnfCrd } from "./app.ts";
import { readEtcdOptions } from "./etcd-conf.ts";
import { CnfCrdMetrics } from "./metrics.ts";
import type { CnfCrdConfig } from "./settings.ts";

/** Where the first controller looked before it took the Pod's service account. */
const usualKubeconfig = "/etc/kubernetes/admin.conf";

/** The program: finds its API server and its etcd and starts there. */
export async function startCnfCrd(
  config: CnfCrdConfig,
  { logger }: { logger: Logger; signal: AbortSignal },
): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const cluster = await clusterOf(config);
  const metrics = new CnfCrdMetrics();
  // Statuses of many resources are written at a time, beside what the queue of a client is there for.
  const client = opened.use(new KubeClient(cluster, { onAnswer: metrics.kube.answered(cluster.server) }));
  const etcd = opened.use(openEtcd({ ...(await readEtcdOptions(config.etcdConfig, config.configDir)), logger }));
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
