import { dirname } from "node:path/posix";
import type { EnvVar, ModernMeshSpec } from "../../spec/mesh-spec.ts";
import { type ReleaseFeatures, releaseFeatures } from "../../versions/releases.ts";
import type { BuildOptions } from "../phase.ts";
import { hostPath, type Place, place, value } from "../pod.ts";

/** A mesh of upstream's programs has its release's ways; ours are one with their image. */
export interface ModernContext {
  readonly mesh: ModernMeshSpec;
  /** Absent for our own programs. */
  readonly features?: ReleaseFeatures;
  /** Of the OpenTelemetry collector; absent without tracing. */
  readonly telemetryEndpoint?: string;
  readonly relaxRegistryPolicies: boolean;
  /** Release of upstream whose SPIRE is taken when it is newer than the mesh's own. */
  readonly identityRelease?: string;
}

export function modernContext(mesh: ModernMeshSpec, options: BuildOptions = {}): ModernContext {
  const features = mesh.provider === "upstream" ? releaseFeatures(mesh.version) : undefined;
  return {
    mesh,
    relaxRegistryPolicies: options.relaxRegistryPolicies ?? false,
    ...(features && { features }),
    ...(options.identityRelease !== undefined && { identityRelease: options.identityRelease }),
    ...(mesh.tracing && { telemetryEndpoint: `otel-collector.${mesh.namespace}.svc:4317` }),
  };
}

/** An empty list of policies allows what older endpoints send (deployments-k8s#8187). */
export const policyEnv = ({ features, relaxRegistryPolicies }: ModernContext): EnvVar[] =>
  features?.registryPolicies && relaxRegistryPolicies
    ? [value("NSM_REGISTRY_SERVER_POLICIES", ""), value("NSM_REGISTRY_CLIENT_POLICIES", "")]
    : [];

/** Marks Pods that get an identity of SPIRE. */
export const spiffeLabel = { "spiffe.io/spiffe-id": "true" } as const;
export const spiffeLabels = ({ mesh }: ModernContext): Readonly<Record<string, string>> =>
  mesh.spire.mode === "none" ? {} : spiffeLabel;

/** The Workload API's folder on the node, wherever the socket is, at the same path inside. */
export function spirePlaces({ mesh }: ModernContext): Place[] {
  if (mesh.spire.mode === "none") return [];
  const folder = dirname(mesh.spire.agentSocket.slice("unix://".length));
  return [place(hostPath("spire-agent-socket", folder, "Directory"), folder, { readOnly: true })];
}

export const spireEnv = ({ mesh }: ModernContext): EnvVar[] =>
  mesh.spire.mode === "none" ? [] : [value("SPIFFE_ENDPOINT_SOCKET", mesh.spire.agentSocket)];

/** Variables that switch on what a program sends to the collector; the first has no prefix in any release. */
export function telemetryEnv({ features, telemetryEndpoint }: ModernContext): EnvVar[] {
  if (telemetryEndpoint === undefined || !features) return [];
  return [value("TELEMETRY", "true"), value(features.telemetryVariable, telemetryEndpoint)];
}

/** The probe that upstream's images bring; it speaks SPIFFE's TLS, which the kubelet's own gRPC probe does not. */
export function grpcHealthProbes(address: string, startup: boolean): Readonly<Record<string, unknown>> {
  const exec = { command: ["/bin/grpc-health-probe", "-spiffe", `-addr=${address}`] };
  return {
    readinessProbe: { exec, failureThreshold: 120, initialDelaySeconds: 1, periodSeconds: 1, timeoutSeconds: 2 },
    livenessProbe: { exec, failureThreshold: 25, initialDelaySeconds: 10, periodSeconds: 5, timeoutSeconds: 2 },
    ...(startup && { startupProbe: { exec, failureThreshold: 25, periodSeconds: 5 } }),
  };
}

export function tcpProbes(port: number): Readonly<Record<string, unknown>> {
  const tcpSocket = { port };
  return {
    readinessProbe: { tcpSocket, periodSeconds: 2, failureThreshold: 3 },
    livenessProbe: { tcpSocket, initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 6 },
  };
}

/** One node after the other. */
export const nodeByNode = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } } as const;
