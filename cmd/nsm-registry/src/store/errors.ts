import { CodedError, isCodedError } from "@nsmkit/core";
import type { ResourceName } from "@nsmkit/kube";

/**
 * What a caller of the registry is told of a failed write. The API server's refusal is about us, not about the caller,
 * so it must not look as if another identity would help.
 */
export function callersError(error: unknown, doing: string, resource: ResourceName, namespace: string): unknown {
  if (!isCodedError(error)) return error;
  const say = (remedy: string): string => `${doing}: ${error.message}; ${remedy}`;
  const where = `${resource.plural}.${resource.group} in namespace ${namespace}`;
  switch (error.code) {
    case "UNAUTHENTICATED":
    case "PERMISSION_DENIED":
      if (error.details.status === undefined) return error;
      return new CodedError(
        "UNAVAILABLE",
        say(`let the registry's service account get, list, watch, create, patch and delete ${where}`),
        { cause: error, retryable: true },
      );
    case "NOT_FOUND":
      return new CodedError("UNAVAILABLE", say(`create the namespace ${namespace} and the definition of ${where}`), {
        cause: error,
        retryable: true,
      });
    case "INVALID_CONFIG":
      return new CodedError("INVALID_ARGUMENT", say("register what Kubernetes takes"), { cause: error });
    case "CONFLICT":
    case "ALREADY_EXISTS":
      return new CodedError("UNAVAILABLE", say("try again"), { cause: error, retryable: true });
    default:
      return error;
  }
}
