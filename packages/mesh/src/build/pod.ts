/** Parts of Pods that several components share. */
import { createHash } from "node:crypto";
import type { ContainerSpec, EnvVar, IpFamily, MeshSpec, Resources } from "../spec/mesh-spec.ts";
import { configAnnotation } from "./labels.ts";
import type { MeshObject } from "./phase.ts";

export const value = (name: string, text: string): EnvVar => ({ name, value: text });
export const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Ours, with those that the user gave too replaced in place, then the user's others. Later variables may refer to earlier ones. */
export function mergeEnv(ours: readonly EnvVar[], users: readonly EnvVar[]): EnvVar[] {
  const given = new Map(users.map((variable) => [variable.name, variable]));
  const names = new Set(ours.map(({ name }) => name));
  return [
    ...ours.map((variable) => given.get(variable.name) ?? variable),
    ...users.filter(({ name }) => !names.has(name)),
  ];
}

/** The API server leaves an empty value out; left in, it would look changed for ever. */
const asStored = ({ value, ...variable }: EnvVar): EnvVar => ({
  ...variable,
  ...(value !== undefined && value !== "" && { value }),
});

export interface Volume {
  readonly name: string;
  readonly [source: string]: unknown;
}

export interface Mount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly mountPropagation?: string;
  readonly subPath?: string;
}

export const hostPath = (
  name: string,
  path: string,
  type: "Directory" | "DirectoryOrCreate" = "DirectoryOrCreate",
): Volume => ({ name, hostPath: { path, type } });

/** A volume with where it is mounted. */
export interface Place {
  readonly volume: Volume;
  readonly mount: Mount;
}

export function place(volume: Volume, mountPath: string, options: { readonly readOnly?: boolean } = {}): Place {
  return { volume, mount: { name: volume.name, mountPath, ...(options.readOnly && { readOnly: true }) } };
}

export const volumesOf = (places: readonly Place[]): Volume[] => [
  ...new Map(places.map(({ volume }) => [volume.name, volume])).values(),
];
export const mountsOf = (places: readonly Place[]): Mount[] => places.map(({ mount }) => mount);

/** An image that others than NSM's makers publish, or its copy in the mesh's mirror: same last name, same tag. */
export const imageAt = ({ mirror }: Pick<MeshSpec, "mirror">, image: string): string =>
  mirror === undefined ? image : `${mirror}/${image.split("/").at(-1)}`;

export const pullSecrets = ({ imagePullSecrets }: Pick<MeshSpec, "imagePullSecrets">) =>
  imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) };

/**
 * On OpenShift SELinux keeps containers from the node's own sockets and folders, unless their process has this type.
 * @param more other fields of the container's security context
 */
export function hostFiles(
  { platform }: Pick<MeshSpec, "platform">,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const context = { ...more, ...(platform.kind === "openshift" && { seLinuxOptions: { type: "spc_t" } }) };
  return Object.keys(context).length > 0 ? { securityContext: context } : {};
}

/** The address that means all of this family, as in Go's host:port. On Linux the one of IPv6 takes IPv4 too. */
export const anyAddress = (family: IpFamily): "0.0.0.0" | "::" => (family === "IPv6" ? "::" : "0.0.0.0");
export const bracketed = (address: string): string => (address.includes(":") ? `[${address}]` : address);

/**
 * Annotations of a Pod template that change with the ConfigMaps which its programs read only when they start: so a
 * changed setting starts them anew.
 */
export function configured(...configs: readonly MeshObject[]): Readonly<Record<string, string>> {
  const data = JSON.stringify(configs.map((config) => config.data));
  return { [configAnnotation]: createHash("sha256").update(data).digest("hex").slice(0, 16) };
}

/** For programs that need nothing of the system: no capability, no new privileges. */
export const confined = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/**
 * For our own programs that need no root either. OpenShift chooses the user by itself and refuses any other.
 * @returns what `confined` is, and more
 */
export const unprivileged = ({ platform }: Pick<MeshSpec, "platform">): Readonly<Record<string, unknown>> => ({
  ...confined,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  ...(platform.kind !== "openshift" && { runAsUser: 10001, runAsGroup: 10001 }),
});

/** For our programs that do: the user of the one image has no rights. */
export const asRoot = { runAsUser: 0 } as const;

/** Socket of the managers, in a folder that is the same on the node and in Pods. */
export const nsmFolder = "/var/lib/networkservicemesh";
export const nsmSocket = `unix://${nsmFolder}/nsm.io.sock`;
export const managerPort = 5001;
export const registryPort = 5002;

export interface ContainerOptions {
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly pullPolicy: string;
  readonly env: readonly EnvVar[];
  readonly places: readonly Place[];
  readonly resources?: Resources;
  readonly [more: string]: unknown;
}

export function container(options: ContainerOptions): Readonly<Record<string, unknown>> {
  const { name, spec, pullPolicy, env, places, resources, ...more } = options;
  const limits = spec.resources ?? resources;
  return {
    name,
    image: spec.image,
    imagePullPolicy: pullPolicy,
    ...more,
    env: mergeEnv(env, spec.env).map(asStored),
    ...(places.length > 0 && { volumeMounts: mountsOf(places) }),
    ...(limits && { resources: limits }),
  };
}
