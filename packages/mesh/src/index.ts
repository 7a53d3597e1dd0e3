export { buildMesh } from "./build/build.ts";
export { grantedRules } from "./build/granted.ts";
export {
  adoptAnnotation,
  configAnnotation,
  fieldManager,
  finalizer,
  labelsOf,
  managedBy,
  meshLabel,
  meshLabelValue,
  meshSelector,
  partOf,
  type RemovalPolicy,
  removalAnnotation,
} from "./build/labels.ts";
export {
  type BuildOptions,
  type Certificate,
  type CertificateRequest,
  type Gate,
  type Mesh,
  type MeshObject,
  type ObjectRef,
  type Phase,
  type PhaseName,
  phaseNames,
} from "./build/phase.ts";
export type { Rule, Verb } from "./build/rbac.ts";
export { renderJson, renderYaml } from "./build/render.ts";
export { meshResources, resourceOf } from "./build/resources.ts";
export {
  type Nsm,
  type NsmMetadata,
  nsmGroup,
  nsmVersion,
  type Problem,
  type Spec2020,
  type Spec2023,
} from "./crd/nsm.ts";
export { nsmDefinition } from "./crd/nsm-crd.ts";
export { parseNsm } from "./crd/parse.ts";
export { nsmAdmissionPolicy } from "./crd/policy.ts";
export { type Converted, convertNsm } from "./spec/convert.ts";
export type {
  ClusterFacts,
  ContainerSpec,
  EnvVar,
  ForwarderSpec,
  ForwarderType,
  IpFamily,
  LegacyMeshSpec,
  MeshSpec,
  ModernMeshSpec,
  Normalised,
  PlatformKind,
  PlatformSources,
  PlatformSpec,
  PodSecurityLevel,
  Resources,
  SpireSpec,
  WebhookSpec,
} from "./spec/mesh-spec.ts";
export { normalise } from "./spec/normalise.ts";
export { usualPrefixes } from "./spec/platform.ts";
export {
  latestOwnRelease,
  latestRelease,
  legacyRelease,
  ownReleases,
  type ReleaseFeatures,
  releaseFeatures,
  releases,
  type SpireRelease,
} from "./versions/releases.ts";
export { compareReleases, isAtLeast, parseRelease, type Release } from "./versions/semver.ts";
export { type Migration, planUpgrade, type UpgradePlan, type UpgradeStep } from "./versions/upgrade.ts";
