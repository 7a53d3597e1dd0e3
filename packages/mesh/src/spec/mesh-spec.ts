import type { platformKinds } from "../crd/fields.ts";
import type { Problem } from "../crd/nsm.ts";

export type PlatformKind = (typeof platformKinds)[number];
export type ForwarderType = "vpp" | "ovs" | "sriov" | "kernel";

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: Readonly<Record<string, unknown>>;
}

export interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** One container of the mesh. */
export interface ContainerSpec {
  readonly image: string;
  /** The user's; they win over the builders'. */
  readonly env: readonly EnvVar[];
  /** Absent: the builder's. */
  readonly resources?: Resources;
}

export interface ForwarderSpec extends ContainerSpec {
  readonly type: ForwarderType;
  readonly name: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

export interface PlatformSpec {
  readonly kind: PlatformKind;
  readonly kubeletRoot: string;
  /** Sorted, without doubles; empty: the collector finds them in kubeadm's ConfigMap. */
  readonly excludedPrefixes: readonly string[];
  /** Of the Pods' addresses. */
  readonly ipFamily: IpFamily;
  /** Whether webhook configurations can have conditions: from Kubernetes 1.28 on, and where the version is not known. */
  readonly matchConditions: boolean;
  /** Where each of these comes from, for people: "spec.platform.kind", "habit of k3s", or what was looked at. */
  readonly sources: PlatformSources;
}

export type IpFamily = "IPv4" | "IPv6";
export type PlatformSources = Readonly<Record<"kind" | "kubeletRoot" | "excludedPrefixes" | "ipFamily", string>>;

/** What every provider's mesh has. Versions are "v1.18.0" (upstream, nsmkit) or an image tag (legacy). */
interface MeshBase {
  readonly name: string;
  /** The NSM resource: its namespace, and its uid once it is stored. */
  readonly owner: { readonly namespace: string; readonly uid?: string };
  /** Namespace of the Pods. */
  readonly namespace: string;
  /** Value of the label that all objects of this mesh carry. */
  readonly label: string;
  readonly version: string;
  readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
  readonly imagePullSecrets: readonly string[];
  /** Repository that holds every default image under its last name; absent: each is where its makers put it. */
  readonly mirror?: string;
  readonly platform: PlatformSpec;
}

export interface SpireSpec {
  readonly mode: "managed" | "external" | "none";
  /** "unix:///run/spire/sockets/agent.sock". */
  readonly agentSocket: string;
  readonly trustDomain: string;
}

export interface WebhookSpec extends ContainerSpec {
  readonly replicas: number;
  readonly failurePolicy: "Ignore" | "Fail";
}

/** A mesh of the second generation: upstream's programs, or ours. */
export interface ModernMeshSpec extends MeshBase {
  readonly provider: "upstream" | "nsmkit";
  readonly logLevel: string;
  readonly imageRepository: string;
  readonly spire: SpireSpec;
  readonly csiDrivers: boolean;
  readonly registry: ContainerSpec & {
    readonly type: "k8s" | "memory";
    readonly replicas: number;
    readonly hostPort: boolean;
  };
  readonly nsmgr: ContainerSpec;
  readonly excludePrefixes: ContainerSpec;
  readonly forwarders: readonly ForwarderSpec[];
  /** Absent: not installed. */
  readonly webhook?: WebhookSpec;
  readonly tracing: boolean;
}

/** A mesh of v0.2's programs of 2020. */
export interface LegacyMeshSpec extends MeshBase {
  readonly provider: "legacy";
  /** "docker.io/networkservicemesh". */
  readonly imageRepository: string;
  readonly webhookName: string;
  readonly webhookReplicas: number;
  readonly insecure: boolean;
  readonly forwardingPlane: { readonly name: string; readonly image: string };
  readonly spire: boolean;
  readonly tracing: boolean;
}

/** What the builders take: everything decided, nothing optional left to guess. */
export type MeshSpec = ModernMeshSpec | LegacyMeshSpec;

export type PodSecurityLevel = "privileged" | "baseline" | "restricted";

/** What is known of the cluster; all optional, as for `nsmctl render` nothing is. */
export interface ClusterFacts {
  readonly platform?: PlatformKind;
  readonly kubeletRoot?: string;
  /** Pod, Service and node prefixes found in the cluster. */
  readonly excludedPrefixes?: readonly string[];
  readonly ipFamily?: IpFamily;
  /** What each of these was taken from: "kubelet version v1.36.0+k3s1 of node a". */
  readonly sources?: Partial<PlatformSources>;
  /** Labels pod-security.kubernetes.io/enforce by namespace, or that of the mesh's own. */
  readonly podSecurity?: PodSecurityLevel | ReadonlyMap<string, PodSecurityLevel>;
  /** Minor version of the API server: 36. */
  readonly kubernetesMinor?: number;
}

export type Normalised =
  | { readonly ok: true; readonly spec: MeshSpec; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };
