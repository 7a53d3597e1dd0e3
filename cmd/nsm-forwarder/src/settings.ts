import { isIP } from "node:net";
import { type ConfigOf, type SettingsSpec, ValueError } from "@nsmkit/core/config";
import { metricsSettings } from "@nsmkit/sdk/metrics";
import { meshSettings, upstreamOnly } from "@nsmkit/sdk/settings";

export const name = "nsm-forwarder";
export const description =
  "The data plane of one node: joins the network namespaces of clients and endpoints, here by veth pairs and across nodes by VXLAN.";

export const settings = {
  name: {
    env: "NSM_NAME",
    type: "string",
    default: "forwarder",
    text: "Name of this forwarder in the registry and in the paths of connections; the name of its Pod in a cluster.",
  },
  labels: {
    env: "NSM_LABELS",
    type: "map",
    default: "p2p:true",
    text: "Labels of this forwarder, by which network services choose one.",
  },
  serviceName: {
    env: "NSM_NSNAME",
    type: "string",
    default: "forwarder",
    text: "Network service that this forwarder registers; the one that the nsmgr looks for.",
  },
  connectTo: {
    env: "NSM_CONNECT_TO",
    type: "url",
    default: "unix:///connect.to.socket",
    text: "The nsmgr of this node.",
  },
  listenOn: {
    env: "NSM_LISTEN_ON",
    type: "url",
    schemes: ["unix"],
    default: "unix:///listen.on.socket",
    text: "Where to listen for the nsmgr. It gets the socket itself, so the path need not be the same for both.",
  },
  dialTimeoutMs: {
    env: "NSM_DIAL_TIMEOUT",
    type: "duration",
    default: "750ms",
    min: 1,
    text: "Bound of one attempt to connect to the nsmgr or an endpoint.",
  },
  tunnelIp: {
    env: "NSM_TUNNEL_IP",
    type: "string",
    check: (value: string) => {
      if (isIP(value) === 0) throw new ValueError("no IP address", "write an address of this node like 192.0.2.1");
    },
    text: "Address of this node at which the tunnels of other nodes reach it. Without it only clients and endpoints of this node are joined.",
  },
  vxlanPort: {
    env: "NSM_VXLAN_PORT",
    type: "integer",
    min: 0,
    max: 65_535,
    default: "0",
    text: "UDP port of VXLAN tunnels, the same on all nodes. 0 is 4789.",
  },
  mechanismPriority: {
    env: "NSM_MECHANISM_PRIORITY",
    type: "list",
    default: "",
    text: "Mechanism types that are offered before the others, such as VXLAN.",
  },
  linkOwner: {
    env: "NSM_LINK_OWNER",
    type: "string",
    text: "Name by which this forwarder knows its links again after a restart. Needed only where two forwarders run in one network namespace; default: the inode of that namespace.",
  },
  ...metricsSettings,
  prometheusPrefix: {
    env: "PROMETHEUS_METRICS_PREFIX",
    type: "string",
    default: "",
    check: (value: string) => {
      if (value !== "" && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(value))
        throw new ValueError("no metric name can begin so", "use letters, digits and _");
    },
    text: "Put before the names of metrics, with an underscore between.",
  },
  ...meshSettings,
} as const satisfies SettingsSpec;

/** Of cmd-forwarder-vpp and -ovs, for data planes that are not the kernel's. */
export const unused: readonly string[] = [
  ...upstreamOnly,
  "NSM_VPP_API_SOCKET",
  "NSM_VPP_INIT",
  "NSM_VPP_MIN_OPERATION_TIMEOUT",
  "NSM_BRIDGE_NAME",
  "NSM_SRIOV_CONFIG_FILE",
  "NSM_DEVICE_SELECTOR_FILE",
  "NSM_CGROUP_PATH",
  "NSM_VFIO_PATH",
  "NSM_DEVICE_PLUGIN_PATH",
  "NSM_POD_RESOURCES_PATH",
];

export type ForwarderConfig = ConfigOf<typeof settings>;
