import { isAbsolute, join, posix } from "node:path";
import { isObject } from "../documents/object.ts";
import { readDocuments } from "../documents/yaml.ts";
import type { MountSpec, VolumeSpec } from "./spec.ts";

interface Places {
  readonly env: ReadonlyMap<string, string>;
  readonly volumes: readonly VolumeSpec[];
  readonly mounts: readonly MountSpec[];
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/**
 * The endpoints of an agent's etcd, read as the agent will: the file of ETCD_CONFIG, as given or in CONFIG_DIR.
 * @returns undefined for an agent without such a file, which takes its configuration from elsewhere
 * @throws CodedError INVALID_CONFIG for a file that is no YAML
 */
export function etcdEndpoints(places: Places): string[] | undefined {
  const { env } = places;
  const given = env.get("ETCD_CONFIG") ?? "etcd.conf";
  if (given === "") return undefined;
  const directory = env.get("CONFIG_DIR") ?? "";
  const text = fileText(given, places) ?? fileText(join(directory, given), places);
  if (text === undefined) return undefined;
  const value = readDocuments(text, given)[0]?.value;
  const listed = isObject(value) && Array.isArray(value.endpoints) ? value.endpoints : [];
  const named = (env.get("ETCD_ENDPOINTS") || env.get("ETCDV3_ENDPOINTS") || "").split(",");
  const endpoints = (listed.length > 0 ? listed.map(String) : named)
    .map((one) => one.trim())
    .filter((one) => one !== "");
  return endpoints.length > 0 ? endpoints : ["127.0.0.1:2379"];
}

/** A file of a ConfigMap volume; undefined for every other file. */
function fileText(path: string, { volumes, mounts, configMaps }: Places): string | undefined {
  if (!isAbsolute(path)) return undefined;
  const mount = mounts.findLast((one) => path === one.path || path.startsWith(`${one.path}/`));
  const volume = volumes.find(({ name }) => name === mount?.volume);
  if (!mount || volume?.type !== "configMap") return undefined;
  const inside = posix.join(mount.subPath ?? "", posix.relative(mount.path, path));
  const key = volume.items ? volume.items.find((item) => item.path === inside)?.key : inside;
  return key === undefined ? undefined : configMaps.get(volume.configMap)?.[key];
}
