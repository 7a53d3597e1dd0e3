import type { ModernMeshSpec } from "../../spec/mesh-spec.ts";
import { spiffeLabel } from "../modern/common.ts";
import { meshObject } from "../object.ts";
import type { MeshObject } from "../phase.ts";

/** Which Pods get which name: those that carry the label, by namespace and Pod, as upstream's policies expect. */
export function spireIdentities(mesh: ModernMeshSpec): MeshObject[] {
  return [
    meshObject(
      mesh,
      "ClusterSPIFFEID",
      "nsm-workloads",
      { component: "spire" },
      {
        spec: {
          spiffeIDTemplate: "spiffe://{{ .TrustDomain }}/ns/{{ .PodMeta.Namespace }}/pod/{{ .PodMeta.Name }}",
          autoPopulateDNSNames: true,
          podSelector: { matchLabels: spiffeLabel },
        },
      },
    ),
  ];
}
