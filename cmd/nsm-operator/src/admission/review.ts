/** The API server's question about an object and our answer (admission.k8s.io/v1 AdmissionReview). */
import { CodedError, isCodedError } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import type { MeshPort } from "../mesh/port.ts";

interface Review {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
  };
}

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Whether an NSM resource may be stored. One that is on its way out is let through whatever it holds: its finalizer must
 * go.
 * @throws INVALID_ARGUMENT for what is no review
 */
export function review(body: unknown, port: Pick<MeshPort, "read">): Review {
  const request = isMap(body) && body.kind === "AdmissionReview" && isMap(body.request) ? body.request : undefined;
  if (!request || typeof request.uid !== "string") throw new CodedError("INVALID_ARGUMENT", "no AdmissionReview");
  const { uid, object } = request;
  const answer = (response: Omit<Review["response"], "uid">): Review => ({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid, ...response },
  });
  if (!isMap(object) || !isMap(object.metadata)) return answer({ allowed: true });
  if (object.metadata.deletionTimestamp !== undefined) return answer({ allowed: true });
  try {
    const { warnings } = port.read(object as unknown as UnknownObject);
    // Kubernetes shows 256 characters of each for certain.
    return answer({ allowed: true, ...(warnings.length > 0 ? { warnings } : {}) });
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    return answer({ allowed: false, status: { code: 422, reason: "Invalid", message: error.message } });
  }
}
