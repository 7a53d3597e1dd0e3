import type { MeshSpec } from "../../spec/mesh-spec.ts";
import { meshObject } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { spireNamespace } from "./names.ts";

export const controllerWebhookPort = 9443;
const service = "spire-controller-manager-webhook-service";
const kinds = ["clusterfederatedtrustdomains", "clusterspiffeids"];

/**
 * The webhook that older controllers insist on; they put their certificate's CA into it. It ignores failures, so that
 * a controller that is down never stops the writing of identities.
 */
export function controllerWebhook(mesh: MeshSpec): MeshObject[] {
  const component = "spire";
  return [
    meshObject(
      mesh,
      "Service",
      service,
      { component, namespace: spireNamespace },
      {
        spec: {
          type: "ClusterIP",
          selector: { app: "spire-server" },
          ports: [{ name: "webhook", port: 443, targetPort: controllerWebhookPort, protocol: "TCP" }],
        },
      },
    ),
    meshObject(
      mesh,
      "ValidatingWebhookConfiguration",
      "spire-controller-manager-webhook",
      { component },
      {
        webhooks: kinds.map((plural) => {
          const kind = plural.slice(0, -1);
          return {
            name: `v${kind}.kb.io`,
            admissionReviewVersions: ["v1"],
            clientConfig: {
              service: {
                name: service,
                namespace: spireNamespace,
                path: `/validate-spire-spiffe-io-v1alpha1-${kind}`,
                port: 443,
              },
            },
            failurePolicy: "Ignore",
            matchPolicy: "Equivalent",
            sideEffects: "None",
            timeoutSeconds: 5,
            rules: [
              {
                apiGroups: ["spire.spiffe.io"],
                apiVersions: ["v1alpha1"],
                operations: ["CREATE", "UPDATE"],
                resources: [plural],
                scope: "Cluster",
              },
            ],
          };
        }),
      },
    ),
  ];
}
