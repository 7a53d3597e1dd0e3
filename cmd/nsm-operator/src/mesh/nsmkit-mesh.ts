import { CodedError } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import {
  buildMesh,
  type ClusterFacts,
  isAtLeast,
  latestRelease,
  type MeshSpec,
  type Nsm,
  normalise,
  type Problem,
  parseNsm,
  planUpgrade,
} from "@nsmkit/mesh";
import type { PlatformKeeper } from "../platform/keeper.ts";
import type { PlatformStatus } from "../status/status.ts";
import type { MeshPort, WantedMesh } from "./port.ts";

/** Images of 2020 may be gone from their registry. */
const legacyAdvice = "images of 2020 may be gone; nsmctl convert rewrites this resource for a current release";

/** What is known of the cluster, and how to look again; facts that never change need no `run`. */
type Platform = { readonly facts: ClusterFacts } & Partial<Pick<PlatformKeeper, "run">>;

/** The meshes of @nsmkit/mesh. */
export function nsmkitMesh(definitions: readonly UnknownObject[], platform: Platform): MeshPort {
  return {
    definitions,
    read: (nsm) => readMesh(nsm, platform.facts),
    ...(platform.run && { watchPlatform: platform.run.bind(platform) }),
    plan: (from, to, provider) => {
      const plan = planUpgrade(from, to, provider === "nsmkit" ? { provider } : {});
      if (!plan.ok) throw new CodedError("UNSUPPORTED", plan.message, { details: { reason: plan.reason } });
      return plan.steps;
    },
  };
}

/** What of a stored resource its author wrote: the server's own metadata and our status are not the parser's business. */
function documentOf({ apiVersion, kind, metadata, spec }: UnknownObject): unknown {
  const { name, namespace, uid, generation } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, uid, generation }, spec };
}

/** @throws INVALID_CONFIG naming every problem */
export function readMesh(object: UnknownObject, facts: ClusterFacts): WantedMesh {
  const nsm = parseNsm(documentOf(object));
  const at = (version?: string): { spec: MeshSpec; warnings: readonly Problem[] } => {
    const asked = version === undefined ? nsm : ({ ...nsm, spec: { ...nsm.spec, version } } as Nsm);
    const made = normalise(asked, facts);
    if (made.ok) return made;
    throw new CodedError("INVALID_CONFIG", made.problems.map((problem) => problem.message).join("; "), {
      details: { problems: made.problems },
    });
  };
  const { spec, warnings } = at();
  return {
    version: spec.version,
    provider: spec.provider,
    warnings: warnings.map((warning) => warning.message),
    storesEndpoints: spec.provider !== "legacy" && spec.registry.type === "k8s",
    platform: platformStatus(spec),
    identityRelease: (version, before) => identityRelease(spec, version, before),
    certificates: buildMesh(spec).certificates,
    ...(spec.provider === "legacy" ? { imageAdvice: legacyAdvice } : {}),
    stepwise: spec.provider !== "legacy",
    build: (version, certificates, options = {}) => {
      const step = version === spec.version ? spec : at(version).spec;
      return buildMesh(step, { certificates, ...options }).phases;
    },
  };
}

function platformStatus({ platform }: MeshSpec): PlatformStatus {
  const { kind, kubeletRoot, ipFamily, excludedPrefixes, sources } = platform;
  return { kind, kubeletRoot, ipFamily, excludedPrefixes, sources };
}

/** Of whose SPIRE the mesh has, when it has one: never an older one than there was. */
function identityRelease(spec: MeshSpec, version: string, before: string | undefined): string | undefined {
  if (spec.provider === "legacy" || spec.spire.mode !== "managed") return before;
  const own = spec.provider === "upstream" ? version : latestRelease;
  return before !== undefined && isAtLeast(before, own) ? before : own;
}
