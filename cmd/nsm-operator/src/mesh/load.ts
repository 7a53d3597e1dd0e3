import { type Logger, systemClock } from "@nsmkit/core";
import type { KubeClient, UnknownObject } from "@nsmkit/kube";
import { nsmAdmissionPolicy, nsmDefinition } from "@nsmkit/mesh";
import { PlatformKeeper } from "../platform/keeper.ts";
import { nsmkitMesh } from "./nsmkit-mesh.ts";
import type { MeshPort } from "./port.ts";

/** The meshes of @nsmkit/mesh for the cluster that this client talks to. */
export async function loadMeshPort(
  client: Pick<KubeClient, "raw">,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<MeshPort> {
  const platform = new PlatformKeeper(client, { logger });
  await platform.begin(systemClock, { signal });
  return nsmkitMesh(definitions(platform.facts.kubernetesMinor), platform);
}

/** The policy is of Kubernetes 1.30; before, the validating webhook and the reconciler alone find mixtures. */
const definitions = (minor: number | undefined): readonly UnknownObject[] =>
  minor !== undefined && minor < 30 ? [nsmDefinition()] : [nsmDefinition(), ...nsmAdmissionPolicy()];
