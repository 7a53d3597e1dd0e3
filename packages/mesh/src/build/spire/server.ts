import type { ModernMeshSpec } from "../../spec/mesh-spec.ts";
import { latestRelease, releaseFeatures, type SpireRelease } from "../../versions/releases.ts";
import { isAtLeast } from "../../versions/semver.ts";
import { lastingLabels } from "../labels.ts";
import type { ModernContext } from "../modern/common.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { configured, confined, imageAt, pullSecrets } from "../pod.ts";
import { clusterRole, read, role, rule, serviceAccount, write } from "../rbac.ts";
import { controllerConfig, dataFolder, serverConf } from "./config.ts";
import { controllerWebhook, controllerWebhookPort } from "./controller-webhook.ts";
import { bundleMap, serverAccount, serverPort, spireNamespace } from "./names.ts";

const component = "spire";
const selector = { app: "spire-server" };
const at = { component, namespace: spireNamespace, labels: selector };

/** Our own programs go with the newest SPIRE that upstream was tested with. */
export function spireRelease({ features, identityRelease }: ModernContext): SpireRelease {
  const own = features?.version ?? latestRelease;
  // A server does not open what a newer one has written, so a mesh that goes back keeps the newer SPIRE.
  const version = identityRelease !== undefined && isAtLeast(identityRelease, own) ? identityRelease : own;
  const release = releaseFeatures(version);
  if (!release) throw new RangeError(`${version} is missing from the table of releases`);
  return release.spire;
}

/** SPIRE's server with the controller that makes entries of ClusterSPIFFEIDs; its data on a volume, in SQLite. */
export function spireServer(context: ModernContext): MeshObject[] {
  const { mesh } = context;
  const release = spireRelease(context);
  const account = { account: serverAccount, namespace: spireNamespace };
  const identities = ["clusterspiffeids", "clusterfederatedtrustdomains", "clusterstaticentries"];
  const finish = identities.map((kind) => `${kind}/finalizers`);
  const status = identities.map((kind) => `${kind}/status`);
  const serverConfig = meshObject(mesh, "ConfigMap", "spire-server", at, { data: { "server.conf": serverConf(mesh) } });
  const controllerSettings = meshObject(mesh, "ConfigMap", "spire-controller-manager", at, {
    data: { "config.yaml": controllerConfig(mesh.spire.trustDomain) },
  });
  return [
    serviceAccount(mesh, serverAccount, component, { usesApi: true, namespace: spireNamespace }),
    ...clusterRole(mesh, "nsm-spire-server", component, account, [
      rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
      rule("", ["nodes", "pods", "namespaces", "endpoints"], read),
      rule("spire.spiffe.io", identities, [...read, "update", "patch"]),
      rule("spire.spiffe.io", finish, ["update"]),
      rule("spire.spiffe.io", status, ["get", "update", "patch"]),
      ...(release.controllerWebhook
        ? [rule("admissionregistration.k8s.io", ["validatingwebhookconfigurations"], [...read, "patch"])]
        : []),
    ]),
    ...role(
      mesh,
      "spire-server",
      component,
      account,
      [
        { ...rule("", ["configmaps"], ["get", "patch"]), resourceNames: [bundleMap] },
        rule("coordination.k8s.io", ["leases"], write),
        rule("", ["events"], ["create", "patch"]),
      ],
      spireNamespace,
    ),
    serverConfig,
    // The server writes its bundle here; without contents of ours, an apply never takes them away again.
    meshObject(mesh, "ConfigMap", bundleMap, { component, namespace: spireNamespace }),
    controllerSettings,
    meshObject(mesh, "Service", "spire-server", at, {
      spec: {
        type: "ClusterIP",
        selector,
        ports: [{ name: "spire-server", port: serverPort, targetPort: serverPort, protocol: "TCP" }],
      },
    }),
    ...(release.controllerWebhook ? controllerWebhook(mesh) : []),
    meshObject(mesh, "StatefulSet", "spire-server", at, {
      spec: {
        replicas: 1,
        serviceName: "spire-server",
        selector: { matchLabels: selector },
        template: {
          metadata: podMetadata(mesh, component, selector, {}, configured(serverConfig, controllerSettings)),
          spec: {
            serviceAccountName: serverAccount,
            shareProcessNamespace: true,
            // OpenShift gives each namespace a group of its own, and refuses others.
            ...(mesh.platform.kind !== "openshift" && { securityContext: { fsGroup: 1000 } }),
            ...pullSecrets(mesh),
            containers: [server(mesh, release), controller(mesh, release)],
            volumes: [
              { name: "config", configMap: { name: "spire-server" } },
              { name: "socket", emptyDir: {} },
              { name: "controller-config", configMap: { name: "spire-controller-manager" } },
            ],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: "data", labels: lastingLabels(mesh) },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
          },
        ],
      },
    }),
  ];
}

const server = (mesh: ModernMeshSpec, { server }: SpireRelease) => ({
  name: "spire-server",
  image: imageAt(mesh, server),
  imagePullPolicy: mesh.pullPolicy,
  args: ["-config", "/run/spire/config/server.conf"],
  ports: [{ name: "spire-server", containerPort: serverPort }],
  volumeMounts: [
    { name: "config", mountPath: "/run/spire/config", readOnly: true },
    { name: "socket", mountPath: "/tmp/spire-server/private" },
    { name: "data", mountPath: dataFolder },
  ],
  readinessProbe: {
    exec: { command: ["/opt/spire/bin/spire-server", "healthcheck"] },
    periodSeconds: 5,
    timeoutSeconds: 3,
  },
  livenessProbe: {
    exec: { command: ["/opt/spire/bin/spire-server", "healthcheck"] },
    initialDelaySeconds: 15,
    periodSeconds: 60,
    timeoutSeconds: 3,
  },
  resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
});

const controller = (mesh: ModernMeshSpec, { controllerManager, controllerWebhook }: SpireRelease) => ({
  name: "spire-controller-manager",
  image: imageAt(mesh, controllerManager),
  imagePullPolicy: mesh.pullPolicy,
  args: ["--config=/run/spire/controller/config.yaml"],
  // Its validating webhook only checks what we write ourselves, so it is left out where that is possible.
  ...(!controllerWebhook && { env: [{ name: "ENABLE_WEBHOOKS", value: "false" }] }),
  ports: [
    { name: "health", containerPort: 8083 },
    ...(controllerWebhook ? [{ name: "webhook", containerPort: controllerWebhookPort }] : []),
  ],
  securityContext: confined,
  volumeMounts: [
    { name: "socket", mountPath: "/run/spire/sockets", readOnly: true },
    { name: "controller-config", mountPath: "/run/spire/controller", readOnly: true },
  ],
  readinessProbe: { httpGet: { path: "/readyz", port: "health" } },
  livenessProbe: { httpGet: { path: "/healthz", port: "health" } },
  resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
});
