import { type DeclaredProblem, unknownModelsAnnotation } from "@nsmkit/agent/cnf-configuration";
import { CodedError } from "@nsmkit/core";
import type { Admission, AdmissionRequest, Admit } from "@nsmkit/kube/admission";
import type { Claims } from "../declared/claims.ts";
import type { Declarations } from "../declared/declarations.ts";
import type { CnfConfigurationObject } from "../declared/resource.ts";

export const path = "/validate";

/** kubectl shows the whole text; more mistakes than these are seen after the first ones are mended. */
const shownProblems = 20;

/**
 * The same errors at `kubectl apply` as the controller would find later. What is changed only in its metadata is let
 * through, and so is what is on its way out: resources from before this check must still be labelled and deleted.
 */
export function reviewer(declarations: Declarations, claims: Claims): Admit {
  return ({ operation, object, oldObject }: AdmissionRequest): Admission => {
    if (operation === "DELETE" || operation === "CONNECT") return { allowed: true };
    if (!object) throw new CodedError("INVALID_ARGUMENT", `a review of ${operation} without an object`);
    if (object.metadata.deletionTimestamp !== undefined || (oldObject && isSameText(object, oldObject)))
      return { allowed: true };
    const { problems } = declarations.of(object);
    if (problems.length > 0) return refusal(422, "Invalid", problems);
    const conflicts = claims.conflictsOf(object);
    return conflicts.length > 0 ? refusal(409, "Conflict", conflicts) : { allowed: true };
  };
}

function refusal(code: number, reason: string, problems: readonly DeclaredProblem[]): Admission {
  const lines = problems.slice(0, shownProblems).map(({ place, text }) => `${place}: ${text}`);
  const more = problems.length - lines.length;
  return { allowed: false, code, reason, message: [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join("\n") };
}

function isSameText(a: CnfConfigurationObject, b: CnfConfigurationObject): boolean {
  const text = ({ spec, metadata }: CnfConfigurationObject): string =>
    JSON.stringify([spec, metadata.annotations?.[unknownModelsAnnotation] ?? ""]);
  return text(a) === text(b);
}
