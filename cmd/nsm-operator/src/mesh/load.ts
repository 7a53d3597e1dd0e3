import { isCodedError, type Logger } from "@nsmkit/core";
import type { KubeClient, UnknownObject } from "@nsmkit/kube";
import { type ClusterFacts, nsmAdmissionPolicy, nsmDefinition, type PlatformKind } from "@nsmkit/mesh";
import { nsmkitMesh } from "./nsmkit-mesh.ts";
import type { MeshPort } from "./port.ts";

/** The meshes of @nsmkit/mesh for the cluster that this client talks to. */
export async function loadMeshPort(
  client: Pick<KubeClient, "raw">,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<MeshPort> {
  const facts = await clusterFacts(client, { signal });
  logger.info("cluster", { ...facts });
  return nsmkitMesh(definitions(facts.kubernetesMinor), facts);
}

/** What the API server says about its cluster; asks for nothing that needs a right. */
export async function clusterFacts(
  client: Pick<KubeClient, "raw">,
  { signal }: { signal: AbortSignal },
): Promise<ClusterFacts> {
  const ask = async (path: string): Promise<unknown> => {
    try {
      return await client.raw(path, { signal });
    } catch (error) {
      // Discovery may be closed to us; the NSM resource can say the platform itself.
      if (isCodedError(error, "PERMISSION_DENIED") || isCodedError(error, "NOT_FOUND")) return {};
      throw error;
    }
  };
  const { gitVersion = "", minor = "" } = (await ask("/version")) as { gitVersion?: string; minor?: string };
  const { groups = [] } = (await ask("/apis")) as { groups?: readonly { name?: string }[] };
  const kubernetesMinor = Number.parseInt(minor, 10);
  const platform = platformOf(gitVersion, new Set(groups.map((group) => group.name ?? "")));
  return {
    ...(platform === undefined ? {} : { platform }),
    ...(Number.isNaN(kubernetesMinor) ? {} : { kubernetesMinor }),
  };
}

/** By marks that the distributions set: OpenShift's API groups, and the build of the version ("v1.36.0+k3s1"). */
export function platformOf(gitVersion: string, groups: ReadonlySet<string>): PlatformKind | undefined {
  if (groups.has("security.openshift.io")) return "openshift";
  const [, build] = /[+-](k3s|k0s|rke2)/.exec(gitVersion) ?? [];
  return build === "k3s" || build === "k0s" ? build : undefined;
}

/** The policy is of Kubernetes 1.30; before, the validating webhook and the reconciler alone find mixtures. */
const definitions = (minor: number | undefined): readonly UnknownObject[] =>
  minor !== undefined && minor < 30 ? [nsmDefinition()] : [nsmDefinition(), ...nsmAdmissionPolicy()];
