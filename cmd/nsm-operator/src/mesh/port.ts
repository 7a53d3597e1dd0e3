/** What the reconciler needs of @nsmkit/mesh, so that its tests can bring a mesh of a few objects. */
import type { Clock } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import type { ServingCertificate } from "@nsmkit/kube/certificates";
import type { Migration } from "@nsmkit/mesh";
import type { PlatformStatus } from "../status/status.ts";

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface MeshPhase {
  readonly name: string;
  readonly objects: readonly UnknownObject[];
  /** These objects may exist only while each of these workloads has a ready Pod. */
  readonly needs?: readonly ObjectRef[];
}

export interface CertificateRequest {
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly commonName: string;
  readonly dnsNames: readonly string[];
}

export type Certificate = ServingCertificate;
export type Certificates = ReadonlyMap<string, Certificate>;

export interface BuildOptions {
  readonly identityRelease?: string;
  /** Registry and managers take entries of endpoints that their release's policies would refuse. */
  readonly relaxRegistryPolicies?: boolean;
}

/** One step of an upgrade, with what is to be done beside building its objects. */
export interface Move {
  readonly to: string;
  readonly migrations: readonly Migration[];
}

/** A mesh as wanted, decided down to its version. */
export interface WantedMesh {
  readonly version: string;
  /** "upstream", "nsmkit" or "legacy". */
  readonly provider: string;
  /** What a user should know though it works. */
  readonly warnings: readonly string[];
  readonly certificates: readonly CertificateRequest[];
  /** What to do when its images cannot be had. */
  readonly imageAdvice?: string;
  /** Whether `version` moves in steps; an image tag of the first generation does not. */
  readonly stepwise: boolean;
  /** Whether the registry keeps endpoints as resources, where their age can be seen. */
  readonly storesEndpoints?: boolean;
  /** What the mesh is built for, shown in the status. */
  readonly platform?: PlatformStatus;
  /**
   * The release whose SPIRE is built with a version, kept in the status since a SPIRE cannot go back.
   * @param before the one that was built last
   */
  identityRelease?(version: string, before: string | undefined): string | undefined;
  /** @param version the one to build, during an upgrade not the wanted one */
  build(version: string, certificates: Certificates, options?: BuildOptions): readonly MeshPhase[];
}

export interface MeshPort {
  /** The definition of the NSM resource itself, and others that must be served before anything else. */
  readonly definitions: readonly UnknownObject[];
  /** @throws INVALID_CONFIG whose message names every wrong field */
  read(nsm: UnknownObject): WantedMesh;
  /** Looks at the cluster now and then, until the signal is cancelled; `read` answers by what was seen last. */
  watchPlatform?(clock: Clock, onChange: () => void, options: { signal: AbortSignal }): Promise<void>;
  /** The way from a version to another; the last move ends there. @throws UNSUPPORTED with the reason and a remedy */
  plan(from: string, to: string, provider: string): readonly Move[];
}

/** The parts of a mesh that the status speaks of. */
export type Component = "base" | "identity" | "tracing" | "registry" | "managers" | "forwarders" | "webhook";

const components: Readonly<Record<string, Component>> = {
  "spire-server": "identity",
  "spire-agent": "identity",
  "spire-identities": "identity",
  tracing: "tracing",
  registry: "registry",
  managers: "managers",
  forwarders: "forwarders",
  webhook: "webhook",
  "webhook-configuration": "webhook",
};

export const componentOf = (phase: string): Component => components[phase] ?? "base";
