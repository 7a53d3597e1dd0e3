import type { ModernMeshSpec } from "../../spec/mesh-spec.ts";

/** Names of service accounts; each program has its own. */
export const accounts = {
  manager: "nsmgr-sa",
  webhook: "admission-webhook-sa",
  csi: "nsm-csi-sa",
  tracing: "nsm-tracing-sa",
  registry: (mesh: ModernMeshSpec): string => `registry-${mesh.registry.type}-sa`,
  forwarder: (name: string): string => `${name}-sa`,
} as const;

export const webhookConfigurationName = "nsm-mutating-webhook";
