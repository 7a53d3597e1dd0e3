import { latestRelease, releaseFeatures, type SpireRelease } from "../../versions/releases.ts";
import { lastingLabels } from "../labels.ts";
import type { ModernContext } from "../modern/common.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { confined } from "../pod.ts";
import { clusterRole, read, role, rule, serviceAccount, write } from "../rbac.ts";
import { controllerWebhook, controllerWebhookPort } from "./controller-webhook.ts";
import { agentAccount, bundleMap, clusterName, serverAccount, serverPort, spireNamespace } from "./names.ts";

const component = "spire";
const selector = { app: "spire-server" };
const at = { component, namespace: spireNamespace, labels: selector };

/** Our own programs go with the newest SPIRE that upstream was tested with. */
export function spireRelease({ features }: ModernContext): SpireRelease {
  const release = features ?? releaseFeatures(latestRelease);
  if (!release) throw new RangeError(`${latestRelease} is missing from the table of releases`);
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
    meshObject(mesh, "ConfigMap", "spire-server", at, { data: { "server.conf": serverConf(mesh.spire.trustDomain) } }),
    // The server writes its bundle here; without contents of ours, an apply never takes them away again.
    meshObject(mesh, "ConfigMap", bundleMap, { component, namespace: spireNamespace }),
    meshObject(mesh, "ConfigMap", "spire-controller-manager", at, {
      data: { "config.yaml": controllerConfig(mesh.spire.trustDomain) },
    }),
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
          metadata: podMetadata(mesh, component, selector),
          spec: {
            serviceAccountName: serverAccount,
            shareProcessNamespace: true,
            securityContext: { fsGroup: 1000 },
            containers: [server(release), controller(release)],
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

const server = ({ server }: SpireRelease) => ({
  name: "spire-server",
  image: server,
  imagePullPolicy: "IfNotPresent",
  args: ["-config", "/run/spire/config/server.conf"],
  ports: [{ name: "spire-server", containerPort: serverPort }],
  volumeMounts: [
    { name: "config", mountPath: "/run/spire/config", readOnly: true },
    { name: "socket", mountPath: "/tmp/spire-server/private" },
    { name: "data", mountPath: "/run/spire/data" },
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

const controller = ({ controllerManager, controllerWebhook }: SpireRelease) => ({
  name: "spire-controller-manager",
  image: controllerManager,
  imagePullPolicy: "IfNotPresent",
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

function serverConf(trustDomain: string): string {
  return `server {
  bind_address = "0.0.0.0"
  bind_port = "${serverPort}"
  trust_domain = "${trustDomain}"
  data_dir = "/run/spire/data"
  log_level = "INFO"
  ca_key_type = "rsa-2048"
  default_x509_svid_ttl = "1h"
  default_jwt_svid_ttl = "1h"
}

plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "/run/spire/data/datastore.sqlite3"
    }
  }
  NodeAttestor "k8s_psat" {
    plugin_data {
      clusters = {
        "${clusterName}" = {
          service_account_allow_list = ["${spireNamespace}:${agentAccount}"]
        }
      }
    }
  }
  KeyManager "disk" {
    plugin_data {
      keys_path = "/run/spire/data/keys.json"
    }
  }
  Notifier "k8sbundle" {
    plugin_data {
      namespace = "${spireNamespace}"
      config_map = "${bundleMap}"
    }
  }
}
`;
}

function controllerConfig(trustDomain: string): string {
  return `apiVersion: spire.spiffe.io/v1alpha1
kind: ControllerManagerConfig
metrics:
  bindAddress: "0"
health:
  healthProbeBindAddress: :8083
leaderElection:
  leaderElect: true
  resourceName: nsm-spire-controller-manager
  resourceNamespace: ${spireNamespace}
clusterName: ${clusterName}
trustDomain: ${trustDomain}
spireServerSocketPath: /run/spire/sockets/api.sock
ignoreNamespaces: [kube-system, kube-public, ${spireNamespace}]
`;
}
