import { isCodedError } from "@nsmkit/core";
import type { Admission, AdmissionRequest } from "@nsmkit/kube/admission";
import type { MeshPort } from "../mesh/port.ts";

export const path = "/validate";

/**
 * Whether an NSM resource may be stored. One that is on its way out is let through whatever it holds: its finalizer must
 * go.
 */
export function review({ object }: Pick<AdmissionRequest, "object">, port: Pick<MeshPort, "read">): Admission {
  if (!object || object.metadata.deletionTimestamp !== undefined) return { allowed: true };
  try {
    const { warnings } = port.read(object);
    return { allowed: true, warnings };
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    return { allowed: false, message: error.message };
  }
}
