import type { JsonPatchOperation } from "@nsmkit/kube/admission";

/** What an API server makes of a patch (RFC 6902, `add` alone). @throws for one that does not fit */
export function applyPatch(document: unknown, patch: readonly JsonPatchOperation[]): unknown {
  const root: unknown = structuredClone(document);
  for (const operation of patch) {
    if (operation.op !== "add") throw new Error(`no ${operation.op} is expected`);
    const steps = operation.path
      .split("/")
      .slice(1)
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = steps.pop() ?? "";
    let at = root as Record<string, unknown>;
    for (const step of steps) {
      const next = Object.hasOwn(at, step) ? at[step] : undefined;
      if (typeof next !== "object" || next === null) throw new Error(`${operation.path}: there is no ${step}`);
      at = next as Record<string, unknown>;
    }
    if (Array.isArray(at)) {
      if (last !== "-") throw new Error(`${operation.path}: only the end of a list is expected`);
      at.push(structuredClone(operation.value));
    } else at[last] = structuredClone(operation.value);
  }
  return root;
}
