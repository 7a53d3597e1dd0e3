import { connectionOf } from "../../core/connection.ts";
import type { NetworkServiceElement } from "../../core/kind.ts";

/**
 * Adds labels that a client did not send itself.
 * @param labels such as nodeName, podName and clusterName, as upstream reads them from the environment
 */
export function clientInfo(labels: Readonly<Record<string, string>>): NetworkServiceElement {
  return {
    name: "clientinfo",
    request(ctx, request, next) {
      const connection = connectionOf(request);
      connection.labels = { ...labels, ...connection.labels };
      return next.request(ctx, request);
    },
  };
}
