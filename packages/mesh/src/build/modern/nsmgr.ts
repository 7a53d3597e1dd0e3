import type { EnvVar } from "../../spec/mesh-spec.ts";
import { meshObject, podMetadata } from "../object.ts";
import type { MeshObject } from "../phase.ts";
import {
  asRoot,
  container,
  field,
  hostFiles,
  hostPath,
  managerPort,
  nsmFolder,
  nsmSocket,
  place,
  pullSecrets,
  registryPort,
  value,
  volumesOf,
} from "../pod.ts";
import { accounts } from "./accounts.ts";
import {
  grpcHealthProbes,
  type ModernContext,
  nodeByNode,
  policyEnv,
  spiffeLabels,
  spireEnv,
  spirePlaces,
  tcpProbes,
  telemetryEnv,
} from "./common.ts";

const component = "nsmgr";
const selector = { app: "nsmgr" };
const configFolder = `${nsmFolder}/config`;

/** The manager of each node, and beside upstream's the collector of the prefixes that endpoints must not use. */
export function managers(context: ModernContext): MeshObject[] {
  const { mesh, features } = context;
  const excluded = place({ name: "exclude-prefixes-volume", emptyDir: {} }, configFolder);
  const ours = place({ name: "excluded-prefixes", configMap: { name: "nsm-excluded-prefixes" } }, configFolder);
  const prefixes = features ? excluded : ours;
  const spire = spirePlaces(context);
  const places = [...spire, place(hostPath("nsm-socket", nsmFolder), nsmFolder), prefixes];
  const manager = container({
    name: "nsmgr",
    spec: mesh.nsmgr,
    pullPolicy: mesh.pullPolicy,
    env: managerEnv(context),
    places,
    resources: { requests: { cpu: "200m", memory: "100Mi" }, limits: { cpu: "400m", memory: "200Mi" } },
    ...(features ? {} : { command: ["nsmgr"] }),
    // Managers reach each other by Pod address. Ours may run without TLS, so it is not put on the node's address too.
    // Ours makes its socket in a folder of root's; upstream's image is root's by itself.
    ...hostFiles(mesh, features ? {} : asRoot),
    ports: [{ name: "nsmgr", containerPort: managerPort, ...(features && { hostPort: managerPort }) }],
    ...(features ? grpcHealthProbes(features.managerProbeAddress, features.startupProbes) : tcpProbes(managerPort)),
  });
  const collector = container({
    name: "exclude-prefixes",
    spec: mesh.excludePrefixes,
    pullPolicy: mesh.pullPolicy,
    env: [
      value("NSM_LOG_LEVEL", mesh.logLevel),
      // kubeadm's ConfigMap is missing on other distributions, so what is known is told.
      ...(mesh.platform.excludedPrefixes.length > 0
        ? [value("NSM_EXCLUDED_PREFIXES", mesh.platform.excludedPrefixes.join(","))]
        : []),
    ],
    places: [excluded],
    resources: { limits: { cpu: "75m", memory: "40Mi" } },
  });
  const daemonSet = meshObject(
    mesh,
    "DaemonSet",
    "nsmgr",
    { component, labels: selector },
    {
      spec: {
        selector: { matchLabels: selector },
        updateStrategy: nodeByNode,
        template: {
          metadata: podMetadata(mesh, component, selector, spiffeLabels(context)),
          spec: {
            serviceAccountName: accounts.manager,
            ...(!features && { automountServiceAccountToken: false }),
            ...pullSecrets(mesh),
            containers: features ? [manager, collector] : [manager],
            volumes: volumesOf(places),
          },
        },
      },
    },
  );
  if (features) return [daemonSet];
  const list = mesh.platform.excludedPrefixes;
  const text = list.length === 0 ? "prefixes: []\n" : `prefixes:\n${list.map((prefix) => `- ${prefix}\n`).join("")}`;
  const configMap = meshObject(
    mesh,
    "ConfigMap",
    "nsm-excluded-prefixes",
    { component },
    { data: { "excluded_prefixes.yaml": text } },
  );
  return [configMap, daemonSet];
}

function managerEnv(context: ModernContext): EnvVar[] {
  const { mesh, features } = context;
  const listenTcp = managerListenTcp(context);
  return [
    ...spireEnv(context),
    field("NSM_NAME", "metadata.name"),
    value("NSM_LOG_LEVEL", mesh.logLevel),
    value("NSM_REGISTRY_URL", features ? `registry:${registryPort}` : `tcp://registry:${registryPort}`),
    field("POD_IP", "status.podIP"),
    value("NSM_LISTEN_ON", `${nsmSocket},${listenTcp}`),
    field("NODE_NAME", "spec.nodeName"),
    ...policyEnv(context),
    ...telemetryEnv(context),
  ];
}

/** An address of IPv6 is only a host in brackets; one of IPv4 must not have them where the release has none. */
function managerListenTcp({ mesh, features }: ModernContext): string {
  const plain = "tcp://$(POD_IP):5001";
  const wanted = features?.managerListenTcp ?? plain;
  return wanted === plain && mesh.platform.ipFamily === "IPv6" ? "tcp://[$(POD_IP)]:5001" : wanted;
}
