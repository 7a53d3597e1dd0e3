import type { LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { Certificate, CertificateRequest, MeshObject } from "../phase.ts";
import { container, place, pullSecrets, value, volumesOf } from "../pod.ts";
import { certificateRequest, certificateSecret } from "../serving-certificate.ts";
import { legacyAccounts } from "./accounts.ts";
import { imageOf, legacyProbes, tracerEnv } from "./common.ts";

const component = "admission-webhook";

export const legacyWebhookService = (mesh: LegacyMeshSpec): string => `${mesh.webhookName}-svc`;

export const legacyCertificate = (mesh: LegacyMeshSpec): CertificateRequest =>
  certificateRequest(mesh, `${mesh.webhookName}-certs`, legacyWebhookService(mesh));

/** v0.2's webhook: Secret, Service and Deployment. */
export function legacyWebhook(mesh: LegacyMeshSpec, certificate: Certificate | undefined): MeshObject[] {
  const name = mesh.webhookName;
  const selector = { app: name };
  const labels = { component, labels: selector };
  const request = legacyCertificate(mesh);
  const places = [
    place({ name: "webhook-certs", secret: { secretName: request.secret.name } }, "/etc/webhook/certs", {
      readOnly: true,
    }),
  ];
  const service = meshObject(mesh, "Service", legacyWebhookService(mesh), labels, {
    spec: { type: "ClusterIP", selector, ports: [{ name: "webhook", port: 443, targetPort: 443, protocol: "TCP" }] },
  });
  const deployment = meshObject(mesh, "Deployment", name, labels, {
    spec: {
      replicas: mesh.webhookReplicas,
      selector: { matchLabels: selector },
      template: {
        metadata: podMetadata(mesh, component, selector),
        spec: {
          serviceAccountName: legacyAccounts.webhook(name),
          automountServiceAccountToken: false,
          ...pullSecrets(mesh),
          containers: [
            container({
              name,
              spec: { image: imageOf(mesh, "admission-webhook"), env: [] },
              pullPolicy: mesh.pullPolicy,
              // It adds <REPO>/nsm-init:<TAG> to Pods, so REPO is all that stands before an image's name.
              env: [value("REPO", mesh.imageRepository), value("TAG", mesh.version), ...tracerEnv(mesh)],
              places,
              ports: [{ name: "webhook", containerPort: 443 }],
              ...legacyProbes(),
            }),
          ],
          volumes: volumesOf(places),
        },
      },
    },
  });
  return [...(certificate ? [certificateSecret(mesh, component, request, certificate)] : []), service, deployment];
}
