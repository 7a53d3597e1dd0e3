import type { Problem } from "../crd/nsm.ts";
import type { Resources } from "./mesh-spec.ts";
import { canonicalQuantity } from "./quantity.ts";

/** A user's resources in the API server's spelling. @param at "spec.nsmgr.resources" */
export function canonicalResources(resources: Resources, at: string, problems: Problem[]): Resources {
  const part = (name: "requests" | "limits"): Readonly<Record<string, string>> | undefined => {
    const given = resources[name];
    return (
      given &&
      Object.fromEntries(
        Object.entries(given).map(([resource, text]) => {
          const canonical = canonicalQuantity(text);
          if (canonical === undefined) {
            const field = `${at}.${name}.${resource}`;
            const instead = resource === "cpu" ? "an amount like 500m or 2" : "an amount like 256Mi or 1Gi";
            problems.push({ field, message: `${field}: ${JSON.stringify(text)} is no quantity; write ${instead}` });
          }
          return [resource, canonical ?? text];
        }),
      )
    );
  };
  const [requests, limits] = [part("requests"), part("limits")];
  return { ...(requests && { requests }), ...(limits && { limits }) };
}
