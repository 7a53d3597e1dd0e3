import type { AgentSource, SourceCore } from "@nsmkit/agent";
import type { Closable, Logger } from "@nsmkit/core";
import type { AgentConfig } from "./settings.ts";

export interface KubernetesOfAgent extends Closable {
  source(core: SourceCore): AgentSource;
}

/** @returns undefined unless the Kubernetes API is one of the sources */
export async function openKubernetesOf(
  config: AgentConfig,
  { logger }: { logger: Logger },
): Promise<KubernetesOfAgent | undefined> {
  if (!config.sources.includes("kubernetes")) return undefined;
  // Loaded by those who want it, with VPP's models: a resource is judged as a whole, whatever agents it is for.
  const [{ KubernetesSource }, { clusterOf, KubeClient }, { allModels }] = await Promise.all([
    import("@nsmkit/agent/kubernetes"),
    import("@nsmkit/kube"),
    import("@nsmkit/api/model/vpp"),
  ]);
  const { sourceNamespace: namespace } = config;
  const cluster = await clusterOf(config);
  const client = new KubeClient(cluster);
  logger.info("the Kubernetes API is used", { server: cluster.server, namespace: namespace ?? "all" });
  return {
    source: (core) => new KubernetesSource(core, { client, allModels, ...(namespace ? { namespace } : {}) }),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
