import type { EnvVar, ForwarderSpec, Resources } from "../../spec/mesh-spec.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import {
  asRoot,
  container,
  field,
  hostPath,
  nsmFolder,
  nsmSocket,
  type Place,
  place,
  pullSecrets,
  value,
  volumesOf,
} from "../pod.ts";
import { accounts } from "./accounts.ts";
import {
  grpcHealthProbes,
  type ModernContext,
  nodeByNode,
  spiffeLabels,
  spireEnv,
  spirePlaces,
  telemetryEnv,
} from "./common.ts";

const metricsPort = 8081;

/** One data plane's DaemonSet. Its selector is its name, so that several live side by side. */
export function forwarder(context: ModernContext, spec: ForwarderSpec): MeshObject {
  const { mesh, features } = context;
  const selector = { app: spec.name };
  const places = [...spirePlaces(context), ...forwarderPlaces(context, spec)];
  const resources = resourcesOf[spec.type];
  return meshObject(
    mesh,
    "DaemonSet",
    spec.name,
    { component: spec.name, labels: selector },
    {
      spec: {
        selector: { matchLabels: selector },
        updateStrategy: nodeByNode,
        template: {
          metadata: podMetadata(mesh, spec.name, selector, spiffeLabels(context)),
          spec: {
            serviceAccountName: accounts.forwarder(spec.name),
            automountServiceAccountToken: false,
            hostNetwork: true,
            ...(seesProcesses(context, spec) && { hostPID: true }),
            // A Pod in the node's network would else not find the registry's name.
            dnsPolicy: "ClusterFirstWithHostNet",
            ...(spec.nodeSelector && { nodeSelector: spec.nodeSelector }),
            ...pullSecrets(mesh),
            containers: [
              container({
                name: spec.name,
                spec,
                pullPolicy: mesh.pullPolicy,
                env: forwarderEnv(context, spec),
                places,
                resources,
                ...(features ? {} : { command: ["nsm-forwarder"] }),
                securityContext: { privileged: true, ...(features ? {} : asRoot) },
                ...probes(context, spec),
              }),
            ],
            volumes: volumesOf(places),
          },
        },
      },
    },
  );
}

const resourcesOf: Readonly<Record<ForwarderSpec["type"], Resources>> = {
  vpp: { requests: { cpu: "150m", memory: "350Mi" }, limits: { cpu: "525m", memory: "500Mi" } },
  ovs: { limits: { memory: "1Gi" } },
  sriov: { requests: { cpu: "200m" }, limits: { cpu: "400m", memory: "40Mi" } },
  kernel: { requests: { cpu: "100m", memory: "100Mi" }, limits: { memory: "260Mi" } },
};

function seesProcesses({ features }: ModernContext, { type }: ForwarderSpec): boolean {
  if (type === "sriov") return false;
  return type !== "vpp" || features?.vppHostPid !== false;
}

/** Of upstream's data planes only vpp's image brings the probe; ours serves its metrics. */
function probes({ features }: ModernContext, { type }: ForwarderSpec): Readonly<Record<string, unknown>> {
  if (!features) {
    const httpGet = { path: "/metrics", port: metricsPort };
    return {
      readinessProbe: { httpGet, periodSeconds: 2 },
      livenessProbe: { httpGet, initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 6 },
    };
  }
  return type === "vpp" ? grpcHealthProbes("unix:///listen.on.sock", features.startupProbes) : {};
}

function forwarderEnv(context: ModernContext, { type }: ForwarderSpec): EnvVar[] {
  const { mesh, features } = context;
  const common = [
    ...spireEnv(context),
    field("NSM_NAME", "metadata.name"),
    value("NSM_LOG_LEVEL", mesh.logLevel),
    value("NSM_CONNECT_TO", nsmSocket),
  ];
  const tunnel = field("NSM_TUNNEL_IP", "status.podIP");
  if (!features) {
    return [
      ...common,
      tunnel,
      value("NSM_LISTEN_ON", "unix:///run/nsm/listen.on.sock"),
      value("PROMETHEUS", "true"),
      value("NSM_PROMETHEUS_LISTEN_ON", `:${metricsPort}`),
    ];
  }
  const own: Readonly<Record<string, readonly EnvVar[]>> = {
    vpp: [value("NSM_LISTEN_ON", "unix:///listen.on.sock"), ...(features.forwarderTunnelIp ? [tunnel] : [])],
    ovs: [value("NSM_BRIDGE_NAME", "br-nsm"), value("NSM_SRIOV_CONFIG_FILE", `${nsmFolder}/smartnic.config`), tunnel],
    sriov: [value("NSM_SRIOV_CONFIG_FILE", `${nsmFolder}/sriov.config`)],
  };
  return [...common, ...(own[type] ?? []), ...telemetryEnv(context)];
}

function forwarderPlaces({ mesh, features }: ModernContext, { type }: ForwarderSpec): Place[] {
  // Every forwarder makes the folder if it is first, so that none depends on the manager's having run.
  const folder = place(hostPath("nsm-socket", nsmFolder), nsmFolder);
  if (!features) return [folder, place({ name: "run", emptyDir: {} }, "/run/nsm")];
  return [
    folder,
    // Wherever the node has it, inside it is where upstream's programs look.
    place(hostPath("kubelet-socket", mesh.platform.kubeletRoot, "Directory"), "/var/lib/kubelet"),
    place(hostPath("cgroup", "/sys/fs/cgroup", "Directory"), "/host/sys/fs/cgroup"),
    place(hostPath("vfio", "/dev/vfio"), "/host/dev/vfio"),
    ...(type === "vpp" && features.vppHostPid ? [place(hostPath("vpp", "/var/run/vpp"), "/var/run/vpp/external")] : []),
  ];
}
