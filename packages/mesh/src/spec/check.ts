import type { Problem, Spec2023 } from "../crd/nsm.ts";
import type { ReleaseFeatures } from "../versions/releases.ts";
import type { ModernMeshSpec } from "./mesh-spec.ts";

/** What single fields cannot show: combinations that would not work. `given` is the document, for its own words. */
export function checkModern(
  mesh: ModernMeshSpec,
  given: Spec2023,
  features: ReleaseFeatures | undefined,
  problems: Problem[],
): void {
  const wrong = (field: string, message: string): void =>
    void problems.push({ field, message: `${field}: ${message}` });
  if (mesh.registry.type === "memory" && mesh.registry.replicas > 1) {
    wrong(
      "spec.registry.replicaCount",
      `${mesh.registry.replicas} registries that keep their entries in memory would split the mesh; write 1, or type: k8s`,
    );
  }
  if (mesh.provider === "upstream" && mesh.spire.mode === "none") {
    wrong("spec.spire", "none does not work with upstream's programs, which need SPIFFE; write managed or external");
  }
  if (given.trustDomain !== undefined && mesh.spire.mode !== "managed") {
    wrong(
      "spec.trustDomain",
      `${given.trustDomain} has no effect with spire: ${mesh.spire.mode}; remove it, or write spire: managed`,
    );
  }
  if (mesh.forwarders.length === 0) {
    wrong("spec.forwarders", "an empty list gives no data plane; write at least one entry, like - type: vpp");
  }
  const names = new Set<string>();
  for (const [i, { name, type }] of mesh.forwarders.entries()) {
    const at = `spec.forwarders[${i}]`;
    if (names.has(name)) wrong(`${at}.name`, `two forwarders are called ${name}; give each a name of its own`);
    names.add(name);
    if (reservedNames.has(name)) wrong(`${at}.name`, `${name} is another part of the mesh; write another name`);
    if (mesh.provider === "upstream" && type === "kernel") {
      wrong(`${at}.type`, "kernel needs our own programs; write provider: nsmkit, or vpp, ovs or sriov");
    }
    if (mesh.provider === "nsmkit" && type !== "kernel") {
      wrong(`${at}.type`, `${type} needs upstream's programs; write kernel, or provider: upstream`);
    }
    if (type === "ovs" && features && !features.ovs) {
      wrong(`${at}.type`, `ovs came with v1.1.0 and ${mesh.version} is older; write vpp, or a later version`);
    }
  }
  const webhook = mesh.webhook;
  if (webhook && webhook.replicas > 1 && features?.webhookMode === "selfregister") {
    wrong(
      "spec.webhook.replicas",
      `in ${mesh.version} each replica replaces the others' configuration; write 1, or version v1.12.0 or later`,
    );
  }
  if (webhook?.failurePolicy === "Fail" && features?.webhookMode === "selfregister") {
    wrong(
      "spec.webhook.failurePolicy",
      `in ${mesh.version} the webhook registers itself, and Fail would block Pods while it is away; write Ignore, or version v1.12.0 or later`,
    );
  }
  if (webhook?.failurePolicy === "Fail" && !mesh.platform.matchConditions) {
    wrong(
      "spec.webhook.failurePolicy",
      "before Kubernetes 1.28 Fail would hold up every Pod while the webhook is away; write Ignore",
    );
  }
  if (mesh.tracing && mesh.provider === "nsmkit") {
    wrong(
      "spec.jaegerTracing",
      "true has no effect, as our programs send no traces; remove it, or write provider: upstream",
    );
  }
  if (mesh.csiDrivers && mesh.provider === "nsmkit") {
    wrong(
      "spec.csiDrivers",
      "true needs upstream's webhook, which uses the drivers; write false, or provider: upstream",
    );
  }
  if (mesh.csiDrivers && features && !features.csi) {
    wrong(
      "spec.csiDrivers",
      `the drivers came with v1.10.0 and ${mesh.version} is older; write false, or a later version`,
    );
  }
  const socket = mesh.spire.agentSocket.slice("unix://".length);
  // Its folder is mounted into Pods, where a folder of the system would hide theirs.
  if (socket.split("/").length < 4 || /^\/(var\/run|usr\/[^/]+)\/[^/]+$/.test(socket) || /\/\.\.?\//.test(socket)) {
    wrong(
      "spec.spireAgentSocket",
      `${socket} has no folder of its own; write one like unix:///run/spire/sockets/agent.sock`,
    );
  }
  if (given.exclPref && mesh.provider === "nsmkit") {
    wrong("spec.exclPref", "our manager needs no collector; remove it and write platform.excludedPrefixes");
  }
}

const reservedNames: ReadonlySet<string> = new Set([
  ...["nsmgr", "registry", "registry-k8s", "registry-memory", "admission-webhook-k8s", "nsm-admission-webhook"],
  ...["nsm-csi", "spiffe-csi-driver", "spire-agent", "spire-server", "jaeger", "otel-collector"],
]);
