/** Releases of upstream NSM (tags of networkservicemesh/deployments-k8s) and how each differs for who installs it. */
import { isAtLeast } from "./semver.ts";

/** In order. */
export const releases = [
  ...["v1.0.0", "v1.1.0", "v1.1.1", "v1.2.0", "v1.3.0", "v1.3.1", "v1.4.0", "v1.5.0", "v1.6.0", "v1.6.1", "v1.6.2"],
  ...["v1.7.0", "v1.7.1", "v1.8.0", "v1.9.0", "v1.10.0", "v1.11.0", "v1.11.1", "v1.11.2", "v1.12.0"],
  ...["v1.13.0", "v1.13.1", "v1.13.2", "v1.13.3", "v1.14.0", "v1.14.1", "v1.14.2", "v1.14.3", "v1.14.4", "v1.14.5"],
  ...["v1.15.0", "v1.16.0", "v1.17.0", "v1.18.0"],
] as const;

export const latestRelease = "v1.18.0";
/** Releases of our own programs that this operator can run, in order. */
export const ownReleases = ["v0.1.0"] as const;
export const latestOwnRelease = "v0.1.0";
/** The release whose programs the 2020 form installs. */
export const legacyRelease = "v0.2.0";

/** One release's ways, each named after the thing that reads it. */
export interface ReleaseFeatures {
  readonly version: string;
  readonly registryK8sPrefix: "REGISTRY_K8S_" | "NSM_";
  readonly registryMemoryPrefix: "REGISTRY_MEMORY_" | "NSM_";
  /** Registries before v1.1 knew no log level. */
  readonly registryLogLevel: boolean;
  /** What a memory registry asks about other domains. */
  readonly memoryProxyUrl: string;
  /** TCP part of the manager's listen addresses. */
  readonly managerListenTcp: "tcp://:5001" | "tcp://[$(POD_IP)]:5001" | "tcp://$(POD_IP):5001";
  /** Where the manager's probes ask. */
  readonly managerProbeAddress: string;
  readonly startupProbes: boolean;
  /** forwarder-vpp sees the processes of the node, and an external VPP. */
  readonly vppHostPid: boolean;
  readonly registryMemoryLimit: "40Mi" | "260Mi";
  readonly registryServiceType: "LoadBalancer" | "ClusterIP";
  readonly webhookReadsNamespaces: boolean;
  /** Labels and variables that the webhook adds to Pods. */
  readonly webhookLabels: boolean;
  /** Resources of the client that the webhook adds. */
  readonly webhookSidecarResources: boolean;
  /** `external`: certificate and configuration come from outside; `selfregister`: the program makes both at its start. */
  readonly webhookMode: "external" | "selfregister";
  /**
   * A webhook that registers itself keeps its CA nowhere else: its configuration must not be taken away while its Pod
   * lives. Before v1.3.0 it must be taken away when the Pod has gone, since the next one stops where it finds one.
   */
  readonly webhookKeepsConfiguration: boolean;
  readonly forwarderTunnelIp: boolean;
  readonly ovs: boolean;
  readonly pprof: boolean;
  /** There is a CSI driver, and the webhook uses it where Pod Security forbids hostPath. */
  readonly csi: boolean;
  /** Name of the variable with the OpenTelemetry collector's address. */
  readonly telemetryVariable: "NSM_OPEN_TELEMETRY_ENDPOINT" | "NSM_OPENTELEMETRYENDPOINT";
  /** Registry and manager refuse entries made under other policies (deployments-k8s#8187). */
  readonly registryPolicies: boolean;
  readonly spire: SpireRelease;
}

export interface SpireRelease {
  readonly server: string;
  readonly agent: string;
  readonly controllerManager: string;
  /** Controllers before 0.5.0 do not start without a webhook configuration that they can complete. */
  readonly controllerWebhook: boolean;
}

/** @returns undefined for a version that is not in the table */
export function releaseFeatures(version: string): ReleaseFeatures | undefined {
  const known = releases.find((release) => release === normaliseVersion(version));
  if (!known) return undefined;
  const since = (release: string): boolean => isAtLeast(known, release);
  return {
    version: known,
    registryK8sPrefix: since("v1.7.0") ? "NSM_" : "REGISTRY_K8S_",
    registryMemoryPrefix: since("v1.13.1") ? "NSM_" : "REGISTRY_MEMORY_",
    registryLogLevel: since("v1.1.0"),
    memoryProxyUrl: since("v1.1.0") ? "nsmgr-proxy:5004" : "registry-proxy-svc:5003",
    managerListenTcp: since("v1.16.0")
      ? "tcp://$(POD_IP):5001"
      : since("v1.7.0")
        ? "tcp://[$(POD_IP)]:5001"
        : "tcp://:5001",
    managerProbeAddress: since("v1.7.0") ? "unix:///var/lib/networkservicemesh/nsm.io.sock" : ":5001",
    startupProbes: since("v1.3.0"),
    vppHostPid: since("v1.3.0"),
    registryMemoryLimit: since("v1.7.0") ? "260Mi" : "40Mi",
    registryServiceType: since("v1.10.0") ? "ClusterIP" : "LoadBalancer",
    webhookReadsNamespaces: since("v1.6.0"),
    webhookLabels: since("v1.2.0"),
    webhookSidecarResources: since("v1.11.0"),
    webhookMode: since("v1.12.0") ? "external" : "selfregister",
    webhookKeepsConfiguration: since("v1.3.0") && !since("v1.12.0"),
    forwarderTunnelIp: !since("v1.12.0"),
    ovs: since("v1.1.0"),
    pprof: since("v1.14.0"),
    csi: since("v1.10.0"),
    telemetryVariable: since("v1.13.1") ? "NSM_OPEN_TELEMETRY_ENDPOINT" : "NSM_OPENTELEMETRYENDPOINT",
    registryPolicies: since("v1.7.0"),
    spire: spireOf(since),
  };
}

/** SPIRE as upstream tested it (deployments-k8s, examples/spire at each tag); before v1.9 upstream used a registrar that SPIRE has dropped, so those get v1.9's. */
function spireOf(since: (release: string) => boolean): SpireRelease {
  const images = (version: string, manager: string): SpireRelease => ({
    server: `ghcr.io/spiffe/spire-server:${version}`,
    agent: `ghcr.io/spiffe/spire-agent:${version}`,
    controllerManager: `ghcr.io/spiffe/spire-controller-manager:${manager}`,
    controllerWebhook: !isAtLeast(manager, "0.5.0"),
  });
  if (since("v1.16.0")) return images("1.12.4", "0.6.2");
  if (since("v1.14.0")) return images("1.9.5", "0.2.2");
  return images("1.6.1", "0.2.2");
}

/** "1.8.0" -> "v1.8.0". */
export const normaliseVersion = (version: string): string => (version.startsWith("v") ? version : `v${version}`);
