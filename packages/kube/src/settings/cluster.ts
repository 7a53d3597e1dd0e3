import { type ClusterConfig, inClusterConfig, loadKubeconfig } from "../client/config.ts";

/** What `clusterSettings` come to. */
export interface ClusterPlace {
  readonly kubeconfig: string | undefined;
  readonly kubernetesHost: string | undefined;
  readonly kubernetesPort: string | undefined;
}

/** @throws CodedError saying which file cannot be read or what is missing */
export async function clusterOf({ kubeconfig, kubernetesHost, kubernetesPort }: ClusterPlace): Promise<ClusterConfig> {
  if (kubeconfig !== undefined) return loadKubeconfig(kubeconfig);
  return inClusterConfig({ KUBERNETES_SERVICE_HOST: kubernetesHost, KUBERNETES_SERVICE_PORT: kubernetesPort });
}
