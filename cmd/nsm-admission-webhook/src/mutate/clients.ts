import { dirname } from "node:path/posix";
import { parseVariable, type WebhookConfig } from "../settings.ts";
import type { Json } from "./json.ts";

/** Pod Security Standards, as a namespace enforces them. */
export type SecurityLevel = "privileged" | "baseline" | "restricted";

export interface ClientOptions {
  /** The annotation's value, as it is. */
  readonly services: string;
  /** Resources of devices, with how many. */
  readonly devices: Readonly<Record<string, string>>;
  /** A part of the clients' name beside the Pod's; undefined when that is unique. */
  readonly suffix?: string;
  readonly level: SecurityLevel;
}

/** What a Pod gets. */
export interface Clients {
  readonly containers: readonly Json[];
  readonly initContainers: readonly Json[];
  readonly volumes: readonly Json[];
}

const usualSocket = "unix:///var/lib/networkservicemesh/nsm.io.sock";
const nsmVolume = "nsm-socket";
const spireVolume = "spire-agent-socket";

interface Socket {
  readonly volume: string;
  readonly folder: string;
  /** Brings the folder where a namespace allows no paths of the host. */
  readonly driver: string;
}

/** Clients as upstream's webhook makes them (networkservicemesh/cmd-admission-webhook-k8s main.go). */
export function makeClients(config: WebhookConfig, options: ClientOptions): Clients {
  const { level, devices } = options;
  const env = variables(config, options);
  const sockets = socketsOf(env);
  const command = config.containerCommand.length > 0 ? { command: [...config.containerCommand] } : {};
  const container = (image: string, name: string, extra: Json, limits: Json): Json => ({
    name,
    image,
    imagePullPolicy: "IfNotPresent",
    ...extra,
    env,
    resources: {
      limits: { cpu: config.limitsCpu, memory: config.limitsMemory, ...limits },
      requests: { cpu: config.requestsCpu, memory: config.requestsMemory, ...limits },
    },
    volumeMounts: sockets.map(({ volume, folder }) => ({ name: volume, mountPath: folder, readOnly: true })),
    ...(level === "restricted" && { securityContext: restricted }),
  });
  return {
    containers: config.containerImages.map((image, at) =>
      container(image, clientName(config, image), command, at === 0 ? devices : {}),
    ),
    initContainers: config.initContainerImages.map((image) => container(image, imageName(image), {}, {})),
    volumes: sockets.map((socket) => volumeOf(socket, level)),
  };
}

/** The last part of an image's name, without registry, tag and digest. */
export const imageName = (image: string): string =>
  (image.split("/").at(-1) ?? image)
    .split(/[:@]/)[0]
    ?.toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-") ?? image;

function clientName(config: WebhookConfig, image: string): string {
  const [program] = config.containerCommand;
  return imageName(program ?? image);
}

/** Later ones may refer to earlier ones, so POD_NAME stands before who uses it. */
function variables(config: WebhookConfig, { services, suffix }: ClientOptions): readonly Json[] {
  const own: readonly Json[] = [
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: config.servicesVariable, value: services },
    { name: "NSM_NAME", value: suffix === undefined ? "$(POD_NAME)" : `$(POD_NAME)-${suffix}` },
  ];
  const taken = new Set(own.map(({ name }) => name));
  return [...config.envs.map(parseVariable).filter(({ name }) => !taken.has(name)), ...own];
}

const restricted: Json = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** Folders of sockets that the clients are told of. Without an agent its folder is on no node, and no Pod could start. */
function socketsOf(env: readonly Json[]): readonly Socket[] {
  const given = (name: string): string | undefined => {
    const value = env.find((variable) => variable.name === name)?.value;
    return typeof value === "string" ? value : undefined;
  };
  const folderOf = (url: string | undefined): string | undefined =>
    url?.startsWith("unix:///") ? dirname(url.slice("unix://".length)) : undefined;
  const nsm = folderOf(given("NSM_CONNECT_TO") ?? usualSocket);
  const spire = folderOf(given("SPIFFE_ENDPOINT_SOCKET"));
  return [
    ...(spire === undefined || spire === nsm ? [] : [{ volume: spireVolume, folder: spire, driver: "csi.spiffe.io" }]),
    ...(nsm === undefined ? [] : [{ volume: nsmVolume, folder: nsm, driver: "csi.networkservicemesh.io" }]),
  ];
}

const volumeOf = ({ volume, folder, driver }: Socket, level: SecurityLevel): Json =>
  level === "privileged"
    ? { name: volume, hostPath: { path: folder, type: "Directory" } }
    : { name: volume, csi: { driver, readOnly: true } };
