import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { CodedError } from "@nsmkit/core";
import type { ConfigMapSpec, PodSpec, VolumeSpec } from "../spec/spec.ts";
import type { LabRoot } from "./root-fs.ts";
import type { SandboxMount } from "./sandbox.ts";

export interface VolumePlaces {
  /** Folder of the Pod's own volumes. */
  readonly pod: string;
  /** The node's folder with the mesh socket. */
  readonly mesh: string;
  /** Where the node has paths that this machine has not. */
  readonly nodeFiles: string;
}

type ConfigMaps = ReadonlyMap<string, ConfigMapSpec>;

/**
 * Makes the volumes of a Pod and the points where they are mounted.
 * @param own folders that the Pod has for itself in place of the machine's
 */
export async function prepareVolumes(
  pod: PodSpec,
  configMaps: ConfigMaps,
  places: VolumePlaces,
  own: readonly SandboxMount[],
  root: LabRoot,
): Promise<SandboxMount[]> {
  const sources = new Map<string, string>();
  for (const volume of pod.volumes) sources.set(volume.name, await makeVolume(volume, configMaps, places));
  const mounts: SandboxMount[] = [];
  for (const { volume, path, subPath, readOnly } of pod.mounts) {
    const source = join(sources.get(volume) ?? "", subPath ?? "");
    const isFolder = await folderAt(source, pod.name, path);
    // A mount inside another one needs its point in that volume, not in the root.
    const outer = mounts.findLast((mount) => path.startsWith(`${mount.target}/`));
    // The Pod's own folders cover those of the machine last, so what belongs into them is mounted there before.
    const cover = own.find((mount) => path.startsWith(`${mount.target}/`));
    const target = cover ? join(cover.source, relative(cover.target, path)) : path;
    if (outer) await ensureEntry(join(outer.source, relative(outer.target, path)), isFolder);
    else if (cover) await ensureEntry(target, isFolder);
    else root.ensureMountPoint(path, isFolder ? "directory" : "file");
    mounts.push({ source, target, readOnly });
  }
  return mounts;
}

async function makeVolume(volume: VolumeSpec, configMaps: ConfigMaps, places: VolumePlaces): Promise<string> {
  const own = join(places.pod, volume.name);
  switch (volume.type) {
    case "mesh":
      await mkdir(places.mesh, { recursive: true });
      return places.mesh;
    case "emptyDir":
      await mkdir(own, { recursive: true });
      return own;
    case "hostPath": {
      if (existsSync(volume.path)) return volume.path;
      if (volume.mustExist)
        throw new CodedError(
          "NOT_FOUND",
          `volume ${volume.name}: hostPath ${volume.path} does not exist on this machine`,
        );
      const path = join(places.nodeFiles, volume.path);
      await mkdir(path, { recursive: true });
      return path;
    }
    case "configMap":
      await writeConfigMap(volume, configMaps, own);
      return own;
  }
}

/** Writes the files of a ConfigMap volume, each at once, and removes those that it no longer has. */
export async function writeConfigMap(
  volume: Extract<VolumeSpec, { type: "configMap" }>,
  configMaps: ConfigMaps,
  directory: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const files = configMaps.get(volume.configMap)?.files ?? {};
  const wanted = volume.items ?? Object.keys(files).map((key) => ({ key, path: key }));
  for (const { key, path } of wanted) {
    const content = files[key];
    if (content === undefined) continue;
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    const temporary = join(directory, `.${Math.random().toString(36).slice(2)}`);
    await writeFile(temporary, Buffer.from(content, "base64"), { mode: 0o644 });
    await rename(temporary, target);
  }
  const kept = new Set(wanted.filter(({ key }) => key in files).map(({ path }) => path.split("/")[0]));
  for (const name of await readdir(directory))
    if (!kept.has(name)) await rm(join(directory, name), { recursive: true, force: true });
}

async function folderAt(source: string, pod: string, path: string): Promise<boolean> {
  const info = await stat(source).catch(() => undefined);
  if (info) return info.isDirectory();
  // A subPath that the volume does not have yet becomes a folder, as on a cluster.
  await mkdir(source, { recursive: true }).catch((cause: unknown) => {
    throw new CodedError("INVALID_CONFIG", `Pod ${pod}: nothing can be mounted at ${path}: ${source} cannot be made`, {
      cause,
    });
  });
  return true;
}

async function ensureEntry(path: string, isFolder: boolean): Promise<void> {
  if (existsSync(path)) return;
  await mkdir(isFolder ? path : dirname(path), { recursive: true });
  if (!isFolder) await writeFile(path, "");
}
