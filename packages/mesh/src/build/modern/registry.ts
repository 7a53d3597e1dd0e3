import type { EnvVar, Resources } from "../../spec/mesh-spec.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import {
  confined,
  container,
  field,
  hostFiles,
  pullSecrets,
  registryPort,
  unprivileged,
  value,
  volumesOf,
} from "../pod.ts";
import { accounts } from "./accounts.ts";
import {
  type ModernContext,
  policyEnv,
  spiffeLabels,
  spireEnv,
  spirePlaces,
  tcpProbes,
  telemetryEnv,
} from "./common.ts";

const component = "registry";
const selector = { app: "registry" };

/** Deployment and Service of the registry, and a disruption budget when it has replicas. */
export function registry(context: ModernContext): MeshObject[] {
  const { mesh, features } = context;
  const { replicas, type, hostPort } = mesh.registry;
  const places = spirePlaces(context);
  const many = replicas > 1;
  const security = features ? confined : unprivileged(mesh);
  const deployment = meshObject(mesh, "Deployment", type === "k8s" ? "registry-k8s" : "registry", labels, {
    spec: {
      replicas,
      selector: { matchLabels: selector },
      strategy: rollout(type, hostPort),
      template: {
        metadata: podMetadata(mesh, component, selector, spiffeLabels(context)),
        spec: {
          serviceAccountName: accounts.registry(mesh),
          ...(type === "memory" && { automountServiceAccountToken: false }),
          ...pullSecrets(mesh),
          ...(many && { topologySpreadConstraints: spread }),
          containers: [
            container({
              name: "registry",
              spec: mesh.registry,
              pullPolicy: mesh.pullPolicy,
              env: registryEnv(context),
              places,
              resources: registryResources(context),
              ...(features ? {} : { command: ["nsm-registry"] }),
              ports: [{ name: "registry", containerPort: registryPort, ...(hostPort && { hostPort: registryPort }) }],
              ...(places.length > 0 ? hostFiles(mesh, security) : { securityContext: security }),
              // The registry speaks gRPC health only behind SPIFFE's TLS, and its image has no probe of its own.
              ...tcpProbes(registryPort),
            }),
          ],
          ...(places.length > 0 && { volumes: volumesOf(places) }),
        },
      },
    },
  });
  const service = meshObject(mesh, "Service", "registry", labels, {
    spec: {
      type: features?.registryServiceType ?? "ClusterIP",
      selector,
      // An endpoint's lease lives in the replica that it talked to last (deployments-k8s#6779).
      sessionAffinity: "ClientIP",
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 3600 } },
      ports: [{ name: "registry", port: registryPort, targetPort: registryPort, protocol: "TCP" }],
    },
  });
  const budget = meshObject(mesh, "PodDisruptionBudget", "registry", labels, {
    spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
  });
  return [service, deployment, ...(many ? [budget] : [])];
}

const labels = { component, labels: selector };
const spread = [
  {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: selector },
  },
];

/** Two memories would be two registries; a second Pod on the node's port would wait for the first one for ever. */
function rollout(type: "k8s" | "memory", hostPort: boolean): Readonly<Record<string, unknown>> {
  if (type === "memory") return { type: "Recreate" };
  return {
    type: "RollingUpdate",
    rollingUpdate: hostPort ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 },
  };
}

function registryEnv(context: ModernContext): EnvVar[] {
  const { mesh, features } = context;
  const k8s = mesh.registry.type === "k8s";
  const prefix = (k8s ? features?.registryK8sPrefix : features?.registryMemoryPrefix) ?? "NSM_";
  return [
    ...spireEnv(context),
    ...(features ? [] : [value("NSM_REGISTRY_STORE", mesh.registry.type)]),
    // Left alone, Node takes what it can get: twice as much for the same entries, near the Pod's limit.
    ...(!features && k8s ? [value("NODE_OPTIONS", "--max-semi-space-size=2 --max-old-space-size=160")] : []),
    ...(k8s ? [field(`${prefix}NAMESPACE`, "metadata.namespace")] : []),
    ...(!features || features.registryLogLevel ? [value(`${prefix}LOG_LEVEL`, mesh.logLevel)] : []),
    value(`${prefix}LISTEN_ON`, `tcp://:${registryPort}`),
    // Our registry refuses names of other domains by itself when it has no proxy to ask.
    ...(features ? [value(`${prefix}PROXY_REGISTRY_URL`, k8s ? "nsmgr-proxy:5004" : features.memoryProxyUrl)] : []),
    ...policyEnv(context),
    ...telemetryEnv(context),
  ];
}

function registryResources({ mesh, features }: ModernContext): Resources {
  if (!features) return { requests: { cpu: "100m", memory: "100Mi" }, limits: { memory: "260Mi" } };
  if (mesh.registry.type === "memory") return { requests: { cpu: "100m" }, limits: { cpu: "200m", memory: "40Mi" } };
  const memory = features.registryMemoryLimit;
  return {
    requests: { cpu: "100m", memory: memory === "40Mi" ? "40Mi" : "100Mi" },
    limits: { cpu: "200m", memory },
  };
}
