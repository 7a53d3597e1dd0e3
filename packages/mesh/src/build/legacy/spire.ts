import type { LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import { nodeByNode } from "../modern/common.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { anyAddress, configured, hostFiles, hostPath, imageAt, pullSecrets } from "../pod.ts";
import { allowConstraints, clusterRole, role, rule, serviceAccount } from "../rbac.ts";
import { agentAccount, bundleMap, serverAccount, serverPort, spireNamespace } from "../spire/names.ts";
import { legacyAccounts } from "./accounts.ts";
import { imageOf, legacySpireFolder } from "./common.ts";

const component = "spire";
const trustDomain = "test.com";
const cluster = "kubernetes";
const agentImage = "gcr.io/spiffe-io/spire-agent:0.8.4";
const server = { app: "spire-server" };
const agent = { app: "spire-agent" };

/** v0.2's SPIRE server; its image registers the entries of `registration.json` itself. */
export function legacySpireServer(mesh: LegacyMeshSpec): MeshObject[] {
  const account = { account: serverAccount, namespace: spireNamespace };
  const at = { component, namespace: spireNamespace, labels: server };
  const data = { "server.conf": serverConf(anyAddress(mesh.platform.ipFamily)) };
  const config = meshObject(mesh, "ConfigMap", "spire-server", at, { data });
  const registrations = meshObject(mesh, "ConfigMap", "spire-entries", at, {
    data: { "registration.json": entries() },
  });
  return [
    serviceAccount(mesh, serverAccount, component, { usesApi: true, namespace: spireNamespace }),
    ...clusterRole(mesh, "nsm-spire-server", component, account, [
      rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
    ]),
    ...role(
      mesh,
      "spire-server",
      component,
      account,
      [{ ...rule("", ["configmaps"], ["get", "patch"]), resourceNames: [bundleMap] }],
      spireNamespace,
    ),
    ...allowConstraints(mesh, serverAccount, component, "privileged", spireNamespace),
    config,
    registrations,
    meshObject(mesh, "ConfigMap", bundleMap, { component, namespace: spireNamespace }),
    meshObject(mesh, "Service", "spire-server", at, {
      spec: {
        type: "ClusterIP",
        selector: server,
        ports: [{ name: "grpc", port: serverPort, targetPort: serverPort, protocol: "TCP" }],
      },
    }),
    meshObject(mesh, "StatefulSet", "spire-server", at, {
      spec: {
        replicas: 1,
        serviceName: "spire-server",
        selector: { matchLabels: server },
        template: {
          metadata: podMetadata(mesh, component, server, {}, configured(config, registrations)),
          spec: {
            serviceAccountName: serverAccount,
            ...pullSecrets(mesh),
            containers: [
              {
                name: "spire-server",
                image: imageOf(mesh, "spire-registration"),
                imagePullPolicy: mesh.pullPolicy,
                ...hostFiles(mesh),
                args: ["-config", "/run/spire/config/server.conf"],
                ports: [{ name: "grpc", containerPort: serverPort }],
                readinessProbe: { tcpSocket: { port: serverPort }, periodSeconds: 5 },
                volumeMounts: [
                  { name: "config", mountPath: "/run/spire/config", readOnly: true },
                  { name: "entries", mountPath: "/run/spire/entries", readOnly: true },
                  { name: "data", mountPath: "/run/spire/data" },
                ],
              },
            ],
            volumes: [
              { name: "config", configMap: { name: "spire-server" } },
              { name: "entries", configMap: { name: "spire-entries" } },
              hostPath("data", "/var/spire-data"),
            ],
          },
        },
      },
    }),
  ];
}

export function legacySpireAgent(mesh: LegacyMeshSpec): MeshObject[] {
  const account = { account: agentAccount, namespace: spireNamespace };
  const at = { component, namespace: spireNamespace, labels: agent };
  const config = meshObject(mesh, "ConfigMap", "spire-agent", at, { data: { "agent.conf": agentConf } });
  return [
    serviceAccount(mesh, agentAccount, component, { usesApi: true, namespace: spireNamespace }),
    ...clusterRole(mesh, "nsm-spire-agent", component, account, [rule("", ["nodes/proxy"], ["get"])]),
    ...allowConstraints(mesh, agentAccount, component, "privileged", spireNamespace),
    config,
    meshObject(mesh, "DaemonSet", "spire-agent", at, {
      spec: {
        selector: { matchLabels: agent },
        updateStrategy: nodeByNode,
        template: {
          metadata: podMetadata(mesh, component, agent, {}, configured(config)),
          spec: {
            serviceAccountName: agentAccount,
            hostPID: true,
            hostNetwork: true,
            dnsPolicy: "ClusterFirstWithHostNet",
            ...pullSecrets(mesh),
            containers: [
              {
                name: "spire-agent",
                image: imageAt(mesh, agentImage),
                imagePullPolicy: mesh.pullPolicy,
                ...hostFiles(mesh),
                args: ["-config", "/run/spire/config/agent.conf"],
                readinessProbe: {
                  exec: {
                    command: [
                      "/opt/spire/bin/spire-agent",
                      "healthcheck",
                      "-socketPath",
                      `${legacySpireFolder}/agent.sock`,
                    ],
                  },
                  initialDelaySeconds: 5,
                  periodSeconds: 5,
                },
                volumeMounts: [
                  { name: "config", mountPath: "/run/spire/config", readOnly: true },
                  { name: "bundle", mountPath: "/run/spire/bundle", readOnly: true },
                  { name: "socket", mountPath: legacySpireFolder },
                ],
              },
            ],
            volumes: [
              { name: "config", configMap: { name: "spire-agent" } },
              { name: "bundle", configMap: { name: bundleMap } },
              hostPath("socket", legacySpireFolder),
            ],
          },
        },
      },
    }),
  ];
}

/** Entries by service account: who runs under v0.2's names is that part of the mesh. */
function entries(): string {
  const names = {
    nsmgr: legacyAccounts.manager,
    nse: legacyAccounts.endpoint,
    nsc: legacyAccounts.client,
    "forward-plane": legacyAccounts.forwarder,
  };
  const list = Object.entries(names).map(([id, account]) => ({
    selectors: [{ type: "k8s", value: `sa:${account}` }],
    parent_id: `spiffe://${trustDomain}/spire-agent`,
    spiffe_id: `spiffe://${trustDomain}/${id}`,
    ttl: 3600,
  }));
  const parent = {
    selectors: [{ type: "k8s_sat", value: `cluster:${cluster}` }],
    parent_id: `spiffe://${trustDomain}/spire/server`,
    spiffe_id: `spiffe://${trustDomain}/spire-agent`,
    ttl: 3600,
  };
  return `${JSON.stringify({ entries: [parent, ...list] }, null, 2)}\n`;
}

const serverConf = (any: string): string => `server {
  bind_address = "${any}"
  bind_port = "${serverPort}"
  registration_uds_path = "/tmp/spire-registration.sock"
  trust_domain = "${trustDomain}"
  data_dir = "/run/spire/data"
  log_level = "INFO"
}

plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "/run/spire/data/datastore.sqlite3"
    }
  }
  NodeAttestor "k8s_sat" {
    plugin_data {
      clusters = {
        "${cluster}" = {
          use_token_review_api_validation = true
          service_account_whitelist = ["${spireNamespace}:${agentAccount}"]
        }
      }
    }
  }
  NodeResolver "noop" {
    plugin_data {}
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

const agentConf = `agent {
  data_dir = "/run/spire"
  log_level = "INFO"
  server_address = "spire-server.${spireNamespace}.svc"
  server_port = "${serverPort}"
  socket_path = "${legacySpireFolder}/agent.sock"
  trust_bundle_path = "/run/spire/bundle/bundle.crt"
  trust_domain = "${trustDomain}"
}

plugins {
  NodeAttestor "k8s_sat" {
    plugin_data {
      cluster = "${cluster}"
    }
  }
  KeyManager "memory" {
    plugin_data {}
  }
  WorkloadAttestor "k8s" {
    plugin_data {
      kubelet_read_only_port = 0
      skip_kubelet_verification = true
    }
  }
}
`;
