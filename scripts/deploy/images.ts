/** Every image that a mesh may need: what has to be in a mirror, and what a bundle must name. */
import { buildMesh, latestRelease, type MeshObject, normalise, type Problem, parseNsm } from "@nsmkit/mesh";

/** Meshes that between them use every component of the newest releases. */
export const completeMeshes: readonly Readonly<Record<string, unknown>>[] = [
  {
    version: latestRelease,
    spire: "managed",
    jaegerTracing: true,
    registry: { type: "k8s" },
    forwarders: [{ type: "vpp" }, { type: "ovs" }, { type: "sriov" }],
    webhook: {},
  },
  {
    version: latestRelease,
    registry: { type: "memory" },
    forwarders: [{ type: "vpp" }],
  },
  {
    provider: "nsmkit",
    spire: "managed",
    registry: { type: "k8s" },
    forwarders: [{ type: "kernel" }],
    webhook: {},
  },
];

/** A document around a spec. */
export const nsmOf = (spec: Readonly<Record<string, unknown>>, name = "nsm"): Record<string, unknown> => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { name, namespace: "nsm-system" },
  spec,
});

/** @throws Error with the document's mistakes */
export function imagesOf(document: unknown): readonly string[] {
  const mesh = normalise(parseNsm(document));
  if (!mesh.ok) throw new Error(mesh.problems.map(({ message }: Problem) => message).join("\n"));
  const objects: readonly MeshObject[] = buildMesh(mesh.spec).phases.flatMap((phase) => phase.objects);
  const images = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { image, name, value: text } = value as Readonly<Record<string, unknown>>;
    if (typeof image === "string") images.add(image);
    // What a webhook adds to Pods.
    if (typeof name === "string" && name.endsWith("_IMAGES") && typeof text === "string")
      for (const one of text.split(",")) images.add(one.trim());
    for (const child of Object.values(value)) visit(child);
  };
  for (const object of objects) if (object.kind !== "CustomResourceDefinition") visit(object);
  return [...images].sort();
}
