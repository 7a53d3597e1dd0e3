import { dirname } from "node:path/posix";
import type { ModernContext } from "../modern/common.ts";
import { nodeByNode } from "../modern/common.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import { configured, hostFiles, imageAt, pullSecrets } from "../pod.ts";
import { allowConstraints, clusterRole, rule, serviceAccount } from "../rbac.ts";
import { agentConf } from "./config.ts";
import { agentAccount, bundleMap, spireNamespace } from "./names.ts";
import { spireRelease } from "./server.ts";

const component = "spire";
const selector = { app: "spire-agent" };
const at = { component, namespace: spireNamespace, labels: selector };

/** SPIRE's agent on each node. It starts after the server is ready, so nothing has to wait inside its Pods. */
export function spireAgent(context: ModernContext): MeshObject[] {
  const { mesh } = context;
  const socket = mesh.spire.agentSocket.slice("unix://".length);
  const folder = dirname(socket);
  const config = meshObject(mesh, "ConfigMap", "spire-agent", at, {
    data: { "agent.conf": agentConf(mesh.spire.trustDomain, socket) },
  });
  const account = { account: agentAccount, namespace: spireNamespace };
  const health = (shallow: boolean) => ({
    exec: {
      command: ["/opt/spire/bin/spire-agent", "healthcheck", "-socketPath", socket, ...(shallow ? ["--shallow"] : [])],
    },
    timeoutSeconds: 3,
  });
  return [
    serviceAccount(mesh, agentAccount, component, { usesApi: true, namespace: spireNamespace }),
    // The kubelet tells an agent which Pods run on its node; it asks for this right.
    ...clusterRole(mesh, "nsm-spire-agent", component, account, [rule("", ["pods", "nodes", "nodes/proxy"], ["get"])]),
    ...allowConstraints(mesh, agentAccount, component, "privileged", spireNamespace),
    config,
    meshObject(mesh, "DaemonSet", "spire-agent", at, {
      spec: {
        selector: { matchLabels: selector },
        updateStrategy: nodeByNode,
        template: {
          metadata: podMetadata(mesh, component, selector, {}, configured(config)),
          spec: {
            serviceAccountName: agentAccount,
            // Workloads are told apart by the cgroups of their processes.
            hostPID: true,
            hostNetwork: true,
            dnsPolicy: "ClusterFirstWithHostNet",
            ...pullSecrets(mesh),
            containers: [
              {
                name: "spire-agent",
                image: imageAt(mesh, spireRelease(context).agent),
                imagePullPolicy: mesh.pullPolicy,
                ...hostFiles(mesh),
                args: ["-config", "/run/spire/config/agent.conf"],
                volumeMounts: [
                  { name: "config", mountPath: "/run/spire/config", readOnly: true },
                  { name: "bundle", mountPath: "/run/spire/bundle", readOnly: true },
                  { name: "socket", mountPath: folder },
                  { name: "token", mountPath: "/var/run/secrets/tokens", readOnly: true },
                ],
                readinessProbe: { ...health(true), initialDelaySeconds: 5, periodSeconds: 5 },
                livenessProbe: { ...health(false), initialDelaySeconds: 15, periodSeconds: 60, failureThreshold: 2 },
                resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
              },
            ],
            volumes: [
              { name: "config", configMap: { name: "spire-agent" } },
              { name: "bundle", configMap: { name: bundleMap } },
              { name: "socket", hostPath: { path: folder, type: "DirectoryOrCreate" } },
              {
                name: "token",
                projected: {
                  sources: [
                    { serviceAccountToken: { path: "spire-agent", expirationSeconds: 7200, audience: "spire-server" } },
                  ],
                },
              },
            ],
          },
        },
      },
    }),
  ];
}
