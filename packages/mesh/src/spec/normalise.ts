import type { Nsm, Problem } from "../crd/nsm.ts";
import { legacyMesh } from "./legacy.ts";
import type { ClusterFacts, Normalised } from "./mesh-spec.ts";
import { modernMesh } from "./modern.ts";

/**
 * Decides everything that a document leaves open: defaults, version ways, platform. What one document can only say
 * wrongly together (a version without a webhook mode, two forwarders of one name) is found here.
 */
export function normalise(nsm: Nsm, facts: ClusterFacts = {}): Normalised {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const spec =
    nsm.form === "2020" ? legacyMesh(nsm, facts, problems, warnings) : modernMesh(nsm, facts, problems, warnings);
  if (spec === undefined || problems.length > 0) return { ok: false, problems };
  const { podSecurity } = facts;
  const enforced = typeof podSecurity === "object" ? podSecurity.get(spec.namespace) : podSecurity;
  if (spec.namespace === spec.owner.namespace && (enforced === "baseline" || enforced === "restricted")) {
    warnings.push({
      field: "spec.namespace",
      message: `spec.namespace: namespace ${spec.namespace} enforces Pod Security "${enforced}", which refuses the data planes; set spec.namespace to a namespace of its own, like nsm-system, or label this one pod-security.kubernetes.io/enforce=privileged`,
    });
  }
  return { ok: true, spec, warnings };
}
