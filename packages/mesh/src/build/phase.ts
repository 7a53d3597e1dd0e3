import type { KubeObject } from "@nsmkit/kube";

/** A complete object as it is applied; the builders never set a status. */
export interface MeshObject extends KubeObject {
  readonly [field: string]: unknown;
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
}

/** Phases in install order. Upgrades walk the same order, removal the opposite. */
export const phaseNames = [
  "namespaces",
  "crds",
  "rbac",
  "spire-server",
  "spire-agent",
  "spire-identities",
  "tracing",
  "registry",
  "managers",
  "csi",
  "forwarders",
  "webhook",
  "webhook-configuration",
] as const;
export type PhaseName = (typeof phaseNames)[number];

/** What must be true before the next phase is applied. */
export type Gate =
  | { readonly kind: "applied" }
  /** Condition Established of these CustomResourceDefinitions. */
  | { readonly kind: "established"; readonly names: readonly string[] }
  /** Every replica or node of these workloads runs the wanted template and is ready. */
  | { readonly kind: "ready"; readonly workloads: readonly ObjectRef[] };

export interface Phase {
  readonly name: PhaseName;
  readonly objects: readonly MeshObject[];
  readonly gate: Gate;
  /** These objects may exist only while each of these workloads has a ready Pod; else they are removed until it has. */
  readonly needs?: readonly ObjectRef[];
}

/** A serving certificate which the objects refer to and which whoever applies them has to provide. */
export interface CertificateRequest {
  /** Secret of type kubernetes.io/tls, with ca.crt, tls.crt and tls.key. */
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly commonName: string;
  readonly dnsNames: readonly string[];
}

/** Contents of such a Secret, PEM. */
export interface Certificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Mesh {
  readonly phases: readonly Phase[];
  readonly certificates: readonly CertificateRequest[];
}

export interface BuildOptions {
  /** Certificates by "namespace/name" of their Secret. A Secret without one is not built, and its CA is not injected. */
  readonly certificates?: ReadonlyMap<string, Certificate>;
  /**
   * Let registry and managers of v1.7.0 and later take entries of older endpoints, which their policies refuse: during an
   * upgrade over that release, until the older endpoints are gone. Migration `relax-registry-policies`.
   */
  readonly relaxRegistryPolicies?: boolean;
  /**
   * Release of upstream whose SPIRE ran in this cluster before: a managed SPIRE never goes back behind it, since a server
   * does not open the data of a newer one (spiffe/spire doc/upgrading.md).
   */
  readonly identityRelease?: string;
}
