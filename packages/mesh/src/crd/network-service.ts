/** CustomResourceDefinitions of NSM itself: where its registry keeps services and endpoints. */

import { removalAnnotation } from "../build/labels.ts";
import { meshObject } from "../build/object.ts";
import type { MeshObject } from "../build/phase.ts";
import type { MeshSpec } from "../spec/mesh-spec.ts";

interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly versions: readonly string[];
}

const group = "networkservicemesh.io";
const definitions: readonly Definition[] = [
  {
    kind: "NetworkService",
    plural: "networkservices",
    shortNames: ["netsvc", "netsvcs"],
    versions: ["v1", "v1alpha1"],
  },
  {
    kind: "NetworkServiceEndpoint",
    plural: "networkserviceendpoints",
    shortNames: ["nse", "nses"],
    versions: ["v1", "v1alpha1"],
  },
  // v0.2 called these nsm and nsms, which are our own resource's names.
  {
    kind: "NetworkServiceManager",
    plural: "networkservicemanagers",
    shortNames: ["nsmgr", "nsmgrs"],
    versions: ["v1alpha1"],
  },
];

/**
 * Both versions are always served, the mesh's own is stored: so a mesh can go from one generation to the other, which
 * an API server refuses while a stored version would vanish. Contents are the registries' own affair, not ours to prune.
 */
export function networkServiceDefinitions(mesh: MeshSpec): MeshObject[] {
  const stored = mesh.provider === "legacy" ? "v1alpha1" : "v1";
  return definitions
    .filter(({ versions }) => versions.includes(stored))
    .map(({ kind, plural, shortNames, versions }) =>
      meshObject(
        mesh,
        "CustomResourceDefinition",
        `${plural}.${group}`,
        // Network services are what users wrote; they outlive the mesh that served them.
        { component: "crds", annotations: { [removalAnnotation]: "when-unused" } },
        {
          spec: {
            group,
            scope: "Namespaced",
            names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames },
            versions: versions.map((name) => ({
              name,
              served: true,
              storage: name === stored,
              schema: {
                openAPIV3Schema: {
                  type: "object",
                  "x-kubernetes-preserve-unknown-fields": true,
                  properties: {
                    spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                    status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  },
                },
              },
              additionalPrinterColumns: [{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" }],
            })),
          },
        },
      ),
    );
}
