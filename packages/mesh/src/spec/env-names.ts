import type { Problem } from "../crd/nsm.ts";
import type { ReleaseFeatures } from "../versions/releases.ts";
import type { EnvVar } from "./mesh-spec.ts";

const oldPrefixes = ["REGISTRY_K8S_", "REGISTRY_MEMORY_"] as const;

/**
 * A user's variables of the registry under the names that this release reads: releases changed the prefix, and a
 * variable with the old one would silently stop to work.
 */
export function currentVariables(
  variables: readonly EnvVar[],
  features: ReleaseFeatures,
  type: "k8s" | "memory",
  warnings: Problem[],
): readonly EnvVar[] {
  const wanted = type === "k8s" ? features.registryK8sPrefix : features.registryMemoryPrefix;
  const taken = new Set(variables.map(({ name }) => name));
  return variables.flatMap((variable, i) => {
    const old = [...oldPrefixes, "NSM_"].find((prefix) => variable.name.startsWith(prefix));
    if (old === undefined || old === wanted) return [variable];
    const name = wanted + variable.name.slice(old.length);
    const at = `spec.registry.envVars[${i}].name`;
    warnings.push({
      field: at,
      message: `${at}: ${variable.name} is called ${name} in ${features.version} and is passed under that name; write ${name}`,
    });
    return taken.has(name) ? [] : [{ ...variable, name }];
  });
}
