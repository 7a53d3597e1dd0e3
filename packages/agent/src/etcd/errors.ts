import { isCodedError } from "@nsmkit/core";

/** True for a write that was sent and never answered: it may have been done or may still be. */
export function outcomeUnknown(error: unknown): boolean {
  return isCodedError(error) && error.details.outcomeUnknown === true;
}

/** The oldest revision that is left, when a read or watch asked for an older one; else undefined. */
export function compactedRevision(error: unknown): bigint | undefined {
  const revision = isCodedError(error) ? error.details.compactRevision : undefined;
  return typeof revision === "bigint" ? revision : undefined;
}
