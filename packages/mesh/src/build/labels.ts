/** The marks by which the objects of a mesh are found again: for pruning, for watching, for removal. */
import { createHash } from "node:crypto";

export const partOf = "network-service-mesh";
export const managedBy = "nsm-operator";
export const fieldManager = "nsm-operator";
export const finalizer = "nsm.networkservicemesh.io/mesh";
export const meshLabel = "nsm.networkservicemesh.io/mesh";
/** On objects that removal treats specially; see `RemovalPolicy`. */
export const removalAnnotation = "nsm.networkservicemesh.io/removal";
/** On Pod templates: a digest of the ConfigMaps that their programs read at the start. */
export const configAnnotation = "nsm.networkservicemesh.io/config";

/**
 * "only" on an object that a program of the mesh makes for itself: it is taken over where it is there, and never made, as
 * the program would stop where it finds one.
 */
export const adoptAnnotation = "nsm.networkservicemesh.io/adopt";

/** `when-unused`: delete only when no custom resource of that kind is left (it may hold what users wrote). */
export type RemovalPolicy = "delete" | "when-unused";

/** Label value of a mesh: "namespace.name", shortened with a hash where that is longer than a label may be. */
export function meshLabelValue(namespace: string, name: string): string {
  const whole = `${namespace}.${name}`;
  if (whole.length <= 63) return whole;
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, 10);
  return `${whole.slice(0, 52).replace(/[^a-z0-9]+$/, "")}-${hash}`;
}

export interface LabelledMesh {
  readonly label: string;
  readonly version: string;
}

/** Labels of every object of a mesh. */
export function labelsOf(mesh: LabelledMesh, component: string): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/component": component,
    "app.kubernetes.io/managed-by": managedBy,
    "app.kubernetes.io/part-of": partOf,
    "app.kubernetes.io/version": labelText(mesh.version),
    [meshLabel]: mesh.label,
  };
}

/** The marks that never change, for what Kubernetes does not allow to change: claims of a StatefulSet. */
export const lastingLabels = ({ label }: LabelledMesh): Readonly<Record<string, string>> => ({
  "app.kubernetes.io/managed-by": managedBy,
  "app.kubernetes.io/part-of": partOf,
  [meshLabel]: label,
});

/** A semver's build metadata ("+") is no label text. */
const labelText = (version: string): string => version.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 63);

/** Label selector that finds every object of a mesh. */
export const meshSelector = (label: string): string => `${meshLabel}=${label}`;
