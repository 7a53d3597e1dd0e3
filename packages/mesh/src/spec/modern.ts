import { meshLabelValue } from "../build/labels.ts";
import type { Nsm, Problem } from "../crd/nsm.ts";
import {
  latestOwnRelease,
  latestRelease,
  normaliseVersion,
  ownReleases,
  releaseFeatures,
  releases,
} from "../versions/releases.ts";
import { unsupportedVersion } from "../versions/upgrade.ts";
import { checkModern } from "./check.ts";
import { currentVariables } from "./env-names.ts";
import type { ClusterFacts, ForwarderSpec, ModernMeshSpec, WebhookSpec } from "./mesh-spec.ts";
import { platformSpec } from "./platform.ts";
import { canonicalResources } from "./resources.ts";

/** Compiled into upstream's webhook. */
const upstreamSocket = "unix:///run/spire/sockets/agent.sock";

type Nsm2023 = Extract<Nsm, { form: "2023" }>;

/** A document of 2023 as a mesh of upstream's programs, or of ours. */
export function modernMesh(
  { metadata, spec }: Nsm2023,
  facts: ClusterFacts,
  problems: Problem[],
  warnings: Problem[],
): ModernMeshSpec | undefined {
  const provider = spec.provider ?? "upstream";
  if (spec.version === undefined && provider === "upstream") {
    problems.push({
      field: "spec.version",
      message: `spec.version: missing; write a release, the newest is ${latestRelease}`,
    });
    return undefined;
  }
  const asked = normaliseVersion(spec.version ?? latestOwnRelease);
  const table: readonly string[] = provider === "upstream" ? releases : ownReleases;
  if (!table.includes(asked)) {
    const latest = provider === "upstream" ? latestRelease : latestOwnRelease;
    problems.push({
      field: "spec.version",
      message: `spec.version: ${unsupportedVersion(asked, table, latest)}`,
    });
    return undefined;
  }
  const mirror = spec.imageRepository?.replace(/\/+$/, "");
  const repository = mirror ?? (provider === "upstream" ? "ghcr.io/networkservicemesh" : "ghcr.io/nsmkit");
  const image = (program: string): string =>
    provider === "upstream" ? `${repository}/cmd-${program}:${asked}` : `${repository}/nsmkit:${asked}`;
  const container = (given: Given | undefined, program: string, at: string) => ({
    image: given?.image ?? image(program),
    env: given?.envVars ?? [],
    ...(given?.resources && { resources: canonicalResources(given.resources, `${at}.resources`, problems) }),
  });
  const registry = container(spec.registry, `registry-${spec.registry.type}`, "spec.registry");
  const webhook: WebhookSpec | undefined = spec.webhook && {
    ...container(spec.webhook, "admission-webhook-k8s", "spec.webhook"),
    replicas: spec.webhook.replicas ?? 1,
    failurePolicy: spec.webhook.failurePolicy ?? "Ignore",
  };
  const forwarders = spec.forwarders.map(
    (given, i): ForwarderSpec => ({
      type: given.type,
      name: given.name ?? `forwarder-${given.type}`,
      ...container(given, `forwarder-${given.type}`, `spec.forwarders[${i}]`),
      ...(given.nodeSelector && { nodeSelector: given.nodeSelector }),
    }),
  );
  const features = releaseFeatures(asked);
  const result: ModernMeshSpec = {
    provider,
    name: metadata.name,
    owner: { namespace: metadata.namespace, ...(metadata.uid !== undefined && { uid: metadata.uid }) },
    namespace: spec.namespace ?? metadata.namespace,
    label: meshLabelValue(metadata.namespace, metadata.name),
    version: asked,
    pullPolicy: spec.nsmPullPolicy ?? "IfNotPresent",
    platform: platformSpec(spec.platform, facts, problems),
    logLevel: (spec.nsmLogLevel ?? "INFO").toUpperCase().replace("WARNING", "WARN"),
    imageRepository: repository,
    imagePullSecrets: spec.imagePullSecrets ?? [],
    ...(mirror !== undefined && { mirror }),
    csiDrivers: spec.csiDrivers ?? false,
    spire: {
      mode: spec.spire ?? (provider === "upstream" ? "external" : "none"),
      agentSocket: spec.spireAgentSocket ?? upstreamSocket,
      trustDomain: spec.trustDomain ?? "k8s.nsm",
    },
    registry: {
      ...registry,
      env: features ? currentVariables(registry.env, features, spec.registry.type, warnings) : registry.env,
      type: spec.registry.type,
      replicas: spec.registry.replicaCount ?? 1,
      hostPort: spec.registry.hostPort ?? false,
    },
    nsmgr: container(spec.nsmgr, "nsmgr", "spec.nsmgr"),
    excludePrefixes: container(
      spec.exclPref && {
        ...(spec.exclPref.exclPrefImage !== undefined && { image: spec.exclPref.exclPrefImage }),
        ...(spec.exclPref.envVars && { envVars: spec.exclPref.envVars }),
        ...(spec.exclPref.resources && { resources: spec.exclPref.resources }),
      },
      "exclude-prefixes-k8s",
      "spec.exclPref",
    ),
    forwarders,
    ...(webhook && { webhook }),
    tracing: spec.jaegerTracing ?? false,
  };
  checkModern(result, spec, features, problems);
  if (provider === "upstream" && webhook && result.spire.agentSocket !== upstreamSocket) {
    warnings.push({
      field: "spec.spireAgentSocket",
      message: `spec.spireAgentSocket: ${result.spire.agentSocket} is used by the mesh's own programs, but the clients that upstream's webhook adds always look at ${upstreamSocket}; make the socket available there too`,
    });
  }
  return result;
}

interface Given {
  readonly image?: string;
  readonly envVars?: ModernMeshSpec["nsmgr"]["env"];
  readonly resources?: ModernMeshSpec["nsmgr"]["resources"];
}
