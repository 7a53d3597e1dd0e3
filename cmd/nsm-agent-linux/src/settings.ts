import { type ConfigOf, type SettingsSpec, ValueError } from "@nsmkit/core/config";
import { clusterSettings } from "@nsmkit/kube/settings";
import { meshSettings, placeSettings, upstreamOnly } from "@nsmkit/sdk/settings";

export const name = "nsm-agent-linux";
export const description =
  "Turns declared configuration into Linux networking: interfaces, routes, rules, and connections to network services.";

export const settings = {
  microserviceLabel: {
    env: "MICROSERVICE_LABEL",
    type: "string",
    default: "vpp1",
    check: checkLabel,
    text: "Which declarations are for this agent. Also the owner that it marks its links with.",
  },
  configDir: {
    env: "CONFIG_DIR",
    type: "string",
    default: ".",
    text: "Directory of the configuration files below and of initial-config.yaml.",
  },
  fileConfig: {
    env: "FILEDB_CONFIG",
    type: "string",
    default: "filedb.conf",
    empty: "no files are followed",
    text: "File with `configuration-paths`: files and directories whose declarations are followed.",
  },
  initialConfig: {
    env: "INITFILEREGISTRY_CONFIG",
    type: "string",
    default: "initfileregistry.conf",
    empty: "its defaults hold",
    text: "File with `initial-configuration-file-path` (default initial-config.yaml) and `disable-initial-configuration`.",
  },
  httpConfig: {
    env: "HTTP_CONFIG",
    type: "string",
    default: "http.conf",
    empty: "its defaults hold",
    text: "File of the HTTP server: `endpoint` (default 0.0.0.0:9191), `disable`, TLS, users, limits; see docs/agent.md.",
  },
  httpPort: {
    env: "HTTP_PORT",
    type: "integer",
    min: 0,
    max: 65_535,
    text: "Port of HTTP on all addresses; wins over http.conf.",
  },
  grpcConfig: {
    env: "GRPC_CONFIG",
    type: "string",
    default: "grpc.conf",
    empty: "there is no gRPC server",
    text: "File of the gRPC server: `endpoint`, `network` (tcp, unix), TLS, limits; see docs/agent.md. Without the file there is none.",
  },
  grpcPort: {
    env: "GRPC_PORT",
    type: "integer",
    min: 0,
    max: 65_535,
    text: "Port of the gRPC server on all addresses; wins over grpc.conf.",
  },
  sources: {
    env: "SOURCE",
    type: "list",
    default: "etcd",
    check: checkSources,
    text: "Where declarations come from beside files and gRPC: etcd, kubernetes (CNFConfigurations straight from the Kubernetes API), or both.",
  },
  ...clusterSettings,
  sourceNamespace: {
    env: "SOURCE_NAMESPACE",
    type: "string",
    text: "Take CNFConfigurations of this namespace only. Default: all, as labels and keys are those of the whole cluster.",
  },
  etcdConfig: {
    env: "ETCD_CONFIG",
    type: "string",
    default: "etcd.conf",
    empty: "etcd is not used",
    text: "File with `endpoints`, `allow-delayed-start`, TLS files and more. Without the file etcd is not used.",
  },
  etcdEndpoints: {
    env: "ETCD_ENDPOINTS",
    type: "string",
    text: "Endpoints of etcd, separated by commas, when etcd.conf lists none. Default 127.0.0.1:2379.",
  },
  etcdv3Endpoints: {
    env: "ETCDV3_ENDPOINTS",
    type: "string",
    text: "The same under its old name.",
  },
  etcdUser: {
    env: "ETCD_USER",
    type: "string",
    text: "User of etcd, when etcd.conf has no `user`.",
  },
  etcdPassword: {
    env: "ETCD_PASSWORD",
    type: "string",
    secret: true,
    text: "Its password, when etcd.conf has no `password`.",
  },
  etcdExpandVariables: {
    env: "ETCD_EXPAND_ENV_VARS",
    type: "string",
    text: "With any value: `$NAME` in values from etcd is replaced by the variable, or nothing. A `$` cannot be written then.",
  },
  noStates: {
    env: "DISABLE_STATUS_PUBLISHING",
    type: "string",
    text: "With any value: what became of each value is not written to etcd.",
  },
  states: {
    env: "ENABLE_STATUS_PUBLISHING",
    type: "string",
    text: "Accepted for the sake of existing manifests: states are written unless that is disabled.",
  },
  schedulerConfig: {
    env: "KVSCHEDULER_CONFIG",
    type: "string",
    default: "kvscheduler.conf",
    empty: "its defaults hold",
    text: "File that says how much history the scheduler keeps; see docs/agent.md.",
  },
  logsConfig: {
    env: "LOGS_CONFIG",
    type: "string",
    default: "logs.conf",
    empty: "its defaults hold",
    text: "File with `default-level` and `loggers` (name, level); the level of the environment wins over `default-level`.",
  },
  nsmName: {
    env: "NSM_NAME",
    type: "string",
    text: "Name of this agent in the mesh: unique on its node and the same after a restart. Default POD_NAME, else label and host name.",
  },
  connectTo: {
    env: "NSM_CONNECT_TO",
    type: "url",
    default: "unix:///var/lib/networkservicemesh/nsm.io.sock",
    text: "The manager of this node. It may come later than the agent.",
  },
  labels: {
    env: "NSM_LABELS",
    type: "map",
    text: "Labels of every connection; those of a client win.",
  },
  listenOn: {
    env: "NSM_LISTEN_ON",
    type: "url",
    text: "Where endpoints are served. Default a unix socket of its own.",
  },
  requestTimeoutMs: {
    env: "NSM_REQUEST_TIMEOUT",
    type: "duration",
    default: "15s",
    min: 1,
    text: "Bound of one attempt to connect or to register. Attempts are repeated until one succeeds.",
  },
  ...placeSettings,
  ...meshSettings,
} as const satisfies SettingsSpec;

export const unused: readonly string[] = upstreamOnly;

export type AgentConfig = ConfigOf<typeof settings>;

function checkSources(sources: readonly string[]): void {
  const wrong = sources.find((source) => source !== "etcd" && source !== "kubernetes");
  if (wrong !== undefined) throw new ValueError("is no source", "write etcd, kubernetes, or etcd,kubernetes");
}

function checkLabel(label: string): void {
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(label))
    throw new ValueError("is no label", "write up to 63 letters, digits, dots, dashes and underscores");
}
