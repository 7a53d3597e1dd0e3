import type { EnvVar, WebhookSpec } from "../../spec/mesh-spec.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { Certificate, CertificateRequest, MeshObject } from "../phase.ts";
import { confined, container, field, nsmSocket, place, pullSecrets, unprivileged, value, volumesOf } from "../pod.ts";
import { certificateRequest, certificateSecret } from "../serving-certificate.ts";
import { accounts, webhookConfigurationName } from "./accounts.ts";
import { type ModernContext, telemetryEnv } from "./common.ts";

const component = "admission-webhook";
export const webhookService = "admission-webhook-svc";
const deploymentName = "admission-webhook-k8s";
const selector = { app: deploymentName };
const certificateFolder = "/etc/nsm/webhook-certs";
const port = 443;
/** Our own program needs no port below 1024. */
const ownPort = 9443;

export const webhookAnnotation = "networkservicemesh.io";

/** The certificate that the webhook serves with; releases that register themselves make their own. */
export function webhookCertificate({ mesh, features }: ModernContext): CertificateRequest | undefined {
  if (!mesh.webhook || features?.webhookMode === "selfregister") return undefined;
  return certificateRequest(mesh, "admission-webhook-certs", webhookService);
}

/** Secret, Service and Deployment; the configuration that sends Pods here is a phase of its own. */
export function webhook(context: ModernContext, spec: WebhookSpec, certificate: Certificate | undefined): MeshObject[] {
  const { mesh, features } = context;
  const request = webhookCertificate(context);
  const places = [
    ...(request
      ? [
          place({ name: "webhook-certs", secret: { secretName: request.secret.name } }, certificateFolder, {
            readOnly: true,
          }),
        ]
      : []),
  ];
  const containerPort = features ? port : ownPort;
  const labels = { component, labels: selector };
  const service = meshObject(mesh, "Service", webhookService, labels, {
    spec: {
      type: "ClusterIP",
      selector,
      ports: [{ name: "webhook", port, targetPort: containerPort, protocol: "TCP" }],
    },
  });
  const deployment = meshObject(mesh, "Deployment", deploymentName, labels, {
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: selector },
      // A program that registers itself deletes its predecessor's configuration, so there is never more than one.
      strategy:
        features?.webhookMode === "selfregister"
          ? { type: "Recreate" }
          : { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: podMetadata(
          mesh,
          component,
          selector,
          features ? { "spiffe.io/spiffe-dns-webhook": webhookService } : {},
        ),
        spec: {
          serviceAccountName: accounts.webhook,
          // Upstream's listens on 443; so it needs neither a capability nor to be root (a safe sysctl since 1.22).
          ...(features && {
            securityContext: { sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "0" }] },
          }),
          ...pullSecrets(mesh),
          containers: [
            container({
              name: deploymentName,
              spec,
              pullPolicy: mesh.pullPolicy,
              env: webhookEnv(context, request !== undefined),
              places,
              ...(features ? {} : { command: ["nsm-admission-webhook"] }),
              ports: [{ name: "webhook", containerPort }],
              securityContext: features ? confined : unprivileged(mesh),
              readinessProbe: { httpGet: { path: "/ready", port: containerPort, scheme: "HTTPS" }, periodSeconds: 2 },
            }),
          ],
          ...(places.length > 0 && { volumes: volumesOf(places) }),
        },
      },
    },
  });
  return [
    ...(request && certificate ? [certificateSecret(mesh, component, request, certificate)] : []),
    service,
    deployment,
  ];
}

function webhookEnv(context: ModernContext, ownCertificate: boolean): EnvVar[] {
  const { mesh, features } = context;
  const clientImage = features
    ? `${mesh.imageRepository}/cmd-nsc:${mesh.version}`
    : `${mesh.imageRepository}/nsmkit:${mesh.version}`;
  const files = [
    value("NSM_CERT_FILE_PATH", `${certificateFolder}/tls.crt`),
    value("NSM_KEY_FILE_PATH", `${certificateFolder}/tls.key`),
  ];
  const sidecar = [
    value("NSM_SIDECAR_LIMITS_MEMORY", "80Mi"),
    value("NSM_SIDECAR_REQUESTS_MEMORY", "40Mi"),
    value("NSM_SIDECAR_LIMITS_CPU", "200m"),
    value("NSM_SIDECAR_REQUESTS_CPU", "100m"),
  ];
  const labelled = mesh.spire.mode !== "none" && (!features || features.webhookLabels);
  return [
    value("NSM_SERVICE_NAME", webhookService),
    // Releases that register themselves name their configuration so; the Pod's name would leave one behind each time.
    value("NSM_NAME", webhookConfigurationName),
    field("NSM_NAMESPACE", "metadata.namespace"),
    value("NSM_ANNOTATION", webhookAnnotation),
    value("NSM_CONTAINER_IMAGES", clientImage),
    ...(features ? [] : [value("NSM_CONTAINER_COMMAND", "nsc")]),
    ...(features ? [value("NSM_INIT_CONTAINER_IMAGES", `${mesh.imageRepository}/cmd-nsc-init:${mesh.version}`)] : []),
    ...(labelled ? [value("NSM_LABELS", "spiffe.io/spiffe-id:true")] : []),
    ...(!features || features.webhookLabels ? [value("NSM_ENVS", clientVariables(context))] : []),
    ...(!features || features.webhookSidecarResources ? sidecar : []),
    ...(features ? [] : [value("NSM_LISTEN_ON", `:${ownPort}`), value("NSM_LOG_LEVEL", mesh.logLevel)]),
    ...(ownCertificate ? files : []),
    ...telemetryEnv(context),
  ];
}

/** Variables of the clients that the webhook adds. */
function clientVariables({ mesh, features }: ModernContext): string {
  const variables = [`NSM_LOG_LEVEL=${mesh.logLevel}`];
  if (!features) {
    variables.push(`NSM_CONNECT_TO=${nsmSocket}`);
    if (mesh.spire.mode !== "none") variables.push(`SPIFFE_ENDPOINT_SOCKET=${mesh.spire.agentSocket}`);
  }
  return variables.join(",");
}
