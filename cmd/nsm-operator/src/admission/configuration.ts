import type { UnknownObject } from "@nsmkit/kube";
import type { Certificate } from "../mesh/port.ts";
import { path } from "./review.ts";

export interface AdmissionPlace {
  /** Of the operator: its Pods carry the label name=…, as in the first operator's manifest. */
  readonly operatorName: string;
  readonly namespace: string;
  /** Port of the Pods. */
  readonly port: number;
  /** Where the API server reaches an operator that no Service leads to. */
  readonly url?: string;
  /** Empty for all. */
  readonly watchNamespaces: readonly string[];
}

export const labelsOf = ({ operatorName }: AdmissionPlace): Record<string, string> => ({
  "app.kubernetes.io/name": operatorName,
  "app.kubernetes.io/component": "admission",
});

export const serviceName = (place: AdmissionPlace): string => `${place.operatorName}-webhook`;

/** Names that the certificate must have. */
export function dnsNamesOf(place: AdmissionPlace): readonly string[] {
  if (place.url !== undefined) return [new URL(place.url).hostname];
  const name = serviceName(place);
  return [
    `${name}.${place.namespace}.svc`,
    `${name}.${place.namespace}`,
    `${name}.${place.namespace}.svc.cluster.local`,
  ];
}

/** The Service, and the configuration that names it. Ignore: an operator that is down must not keep anybody from working. */
export function admissionObjects(place: AdmissionPlace, { ca }: Certificate): readonly UnknownObject[] {
  const { namespace, operatorName, url, watchNamespaces } = place;
  const name = serviceName(place);
  const target = url === undefined ? { service: { namespace, name, port: 443, path } } : { url };
  const selector =
    watchNamespaces.length === 0
      ? {}
      : { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: [...watchNamespaces] }] };
  const service: UnknownObject = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name, labels: labelsOf(place) },
    spec: {
      selector: { name: operatorName },
      ports: [{ name: "webhook", port: 443, protocol: "TCP", targetPort: place.port }],
    },
  };
  const configuration: UnknownObject = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: `${operatorName}.${namespace}`, labels: labelsOf(place) },
    webhooks: [
      {
        name: "nsms.nsm.networkservicemesh.io",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Ignore",
        matchPolicy: "Equivalent",
        timeoutSeconds: 5,
        clientConfig: { ...target, caBundle: Buffer.from(ca).toString("base64") },
        namespaceSelector: selector,
        rules: [
          {
            apiGroups: ["nsm.networkservicemesh.io"],
            apiVersions: ["v1alpha1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["nsms"],
            scope: "Namespaced",
          },
        ],
      },
    ],
  };
  return url === undefined ? [service, configuration] : [configuration];
}
