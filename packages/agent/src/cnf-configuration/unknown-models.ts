import { CodedError } from "@nsmkit/core";

/**
 * Annotation of a resource: models that this controller does not know and whose items it shall take over unread, for
 * agents of somebody else: a comma list of `module/type`, `module/*` or `*`.
 */
export const unknownModelsAnnotation = "pantheon.tech/unknown-models";

/** Whether an item of a model that nobody here knows may be taken over unread. */
export type UnknownModels = (module: string, type: string) => boolean;

export const noUnknownModels: UnknownModels = () => false;

// Parts of a key (ligato/vpp-agent pkg/models/spec.go).
const entry = /^(?:\*|[-a-z0-9_]+(?:\.[-a-z0-9_]+)*\/(?:\*|[-a-z0-9_.]+))$/;

/**
 * Reads such a list. It names models, so that a misspelt module beside it remains an error.
 * @throws CodedError INVALID_CONFIG
 */
export function readUnknownModels(text: string): UnknownModels {
  const entries = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  for (const part of entries) {
    if (!entry.test(part))
      throw new CodedError(
        "INVALID_CONFIG",
        `${JSON.stringify(part.slice(0, 60))} names no model; write module/type, module/* or *, for example vpp.abx/abx`,
      );
  }
  const named = new Set(entries);
  if (named.size === 0) return noUnknownModels;
  return (module, type) => named.has("*") || named.has(`${module}/*`) || named.has(`${module}/${type}`);
}
