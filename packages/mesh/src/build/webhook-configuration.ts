import type { MeshSpec } from "../spec/mesh-spec.ts";
import { adoptAnnotation } from "./labels.ts";
import { meshObject, notOfAMesh } from "./object.ts";
import type { Certificate, MeshObject } from "./phase.ts";
import { base64 } from "./serving-certificate.ts";

export interface WebhookConfigurationOptions {
  readonly name: string;
  readonly component: string;
  readonly service: string;
  /** Pods and workloads ask for the mesh by it. */
  readonly annotation: string;
  readonly webhook: string;
  readonly failurePolicy: "Ignore" | "Fail";
  readonly certificate?: Certificate;
  /** The program makes the configuration itself, with its CA; here it only gets its limits. */
  readonly selfRegistered?: boolean;
  /** Kinds of apps/v1 whose template the webhook changes, beside Pods. */
  readonly workloads: readonly string[];
  /** Whether it is asked about changed workloads too: a template that is replaced loses its clients. */
  readonly sendsUpdates?: boolean;
}

/** Namespaces whose Pods the cluster itself needs. */
const system = ["kube-system", "kube-public", "kube-node-lease", "spire"];

/**
 * Sends Pods to the webhook in such a way that it can never hold up others: not the system's, not the mesh's own, and
 * with Ignore none at all. With Fail only those that ask for the mesh themselves.
 */
export function webhookConfiguration(mesh: MeshSpec, options: WebhookConfigurationOptions): MeshObject {
  const { component, service, certificate, failurePolicy, annotation } = options;
  const asks = `has(object.metadata.annotations) && ${JSON.stringify(annotation)} in object.metadata.annotations`;
  // A namespace's annotation asks for all its Pods, and a condition cannot see the namespace.
  const condition = failurePolicy === "Fail" ? asks : `request.kind.kind == "Pod" || (${asks})`;
  const rules = [
    { apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] },
    ...(options.workloads.length > 0
      ? [
          {
            apiGroups: ["apps"],
            apiVersions: ["v1"],
            resources: options.workloads,
            operations: options.sendsUpdates ? ["CREATE", "UPDATE"] : ["CREATE"],
          },
        ]
      : []),
  ];
  return meshObject(
    mesh,
    "MutatingWebhookConfiguration",
    options.name,
    { component, ...(options.selfRegistered && { annotations: { [adoptAnnotation]: "only" } }) },
    {
      webhooks: [
        {
          name: options.webhook,
          admissionReviewVersions: ["v1"],
          clientConfig: {
            service: { name: service, namespace: mesh.namespace, path: "/mutate", port: 443 },
            ...(certificate && { caBundle: base64(certificate.ca) }),
          },
          failurePolicy,
          matchPolicy: "Equivalent",
          sideEffects: "None",
          reinvocationPolicy: "Never",
          timeoutSeconds: failurePolicy === "Fail" ? 10 : 3,
          namespaceSelector: {
            matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: system }],
          },
          objectSelector: notOfAMesh,
          ...(mesh.platform.matchConditions && {
            matchConditions: [{ name: "asks-for-the-mesh", expression: condition }],
          }),
          rules: rules.map((rule) => ({ ...rule, scope: "Namespaced" })),
        },
      ],
    },
  );
}
