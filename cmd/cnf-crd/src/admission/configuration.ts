import { cnfConfigurationResource } from "@nsmkit/agent/cnf-configuration";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import { webhookConfigurations } from "@nsmkit/kube/admission";
import { path } from "./review.ts";

export interface AdmissionPlace {
  readonly namespace: string;
  /** Port of the Pods. */
  readonly port: number;
  /** Where the API server reaches a program that no Service leads to. */
  readonly url?: string;
}

export const serviceName = "cnf-crd-webhook";
export const configurationName = "cnf-crd.pantheon.tech";
export const services: Resource = { group: "", version: "v1", kind: "Service", plural: "services", namespaced: true };
const labels = { "app.kubernetes.io/name": "cnf-crd", "app.kubernetes.io/component": "admission" };

/** Names that the certificate must have. */
export function dnsNamesOf({ namespace, url }: AdmissionPlace): readonly string[] {
  if (url !== undefined) return [new URL(url).hostname];
  return [
    `${serviceName}.${namespace}.svc`,
    `${serviceName}.${namespace}`,
    `${serviceName}.${namespace}.svc.cluster.local`,
  ];
}

/**
 * The Service, and the configuration that names it. failurePolicy Ignore: while this program is down everybody can go on
 * working, and the controller refuses later, in the status, what the webhook would have refused at once.
 */
export function admissionObjects(
  place: AdmissionPlace,
  ca: string,
): readonly { resource: Resource; object: UnknownObject }[] {
  const { namespace, url } = place;
  const { group, version, plural } = cnfConfigurationResource;
  const target = url === undefined ? { service: { namespace, name: serviceName, port: 443, path } } : { url };
  const service: UnknownObject = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name: serviceName, labels },
    spec: {
      selector: { app: "cnf-crd" },
      ports: [{ name: "webhook", port: 443, protocol: "TCP", targetPort: place.port }],
    },
  };
  const configuration: UnknownObject = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: configurationName, labels },
    webhooks: [
      {
        name: `${plural}.${group}`,
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Ignore",
        matchPolicy: "Equivalent",
        timeoutSeconds: 5,
        clientConfig: { ...target, caBundle: Buffer.from(ca).toString("base64") },
        // Status and metadata of resources have subresources and rules of their own.
        rules: [
          {
            apiGroups: [group],
            apiVersions: [version],
            operations: ["CREATE", "UPDATE"],
            resources: [plural],
            scope: "Namespaced",
          },
        ],
      },
    ],
  };
  const second = { resource: webhookConfigurations("ValidatingWebhookConfiguration"), object: configuration };
  return url === undefined ? [{ resource: services, object: service }, second] : [second];
}
