import type { MeshSpec } from "../../spec/mesh-spec.ts";
import { removalAnnotation } from "../labels.ts";
import { meshObject } from "../object.ts";
import type { MeshObject } from "../phase.ts";

const kinds = ["ClusterSPIFFEID", "ClusterFederatedTrustDomain", "ClusterStaticEntry"];

/** Kinds that SPIRE's controller watches. It checks their contents itself. */
export function spireDefinitions(mesh: MeshSpec): MeshObject[] {
  return kinds.map((kind) => {
    const singular = kind.toLowerCase();
    const plural = singular.endsWith("y") ? `${singular.slice(0, -1)}ies` : `${singular}s`;
    const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    return meshObject(
      mesh,
      "CustomResourceDefinition",
      `${plural}.spire.spiffe.io`,
      { component: "spire", annotations: { [removalAnnotation]: "when-unused" } },
      {
        spec: {
          group: "spire.spiffe.io",
          scope: "Cluster",
          names: { kind, listKind: `${kind}List`, plural, singular },
          versions: [
            {
              name: "v1alpha1",
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: "object", properties: { spec: open, status: open } } },
              subresources: { status: {} },
            },
          ],
        },
      },
    );
  });
}
