import type { Container } from "../documents/kubernetes/container.ts";
import type { Volume } from "../documents/kubernetes/pod.ts";
import { complain, missingConfigMap, type Place, type PodFacts } from "./environment.ts";
import { type MountSpec, meshSocketDirectory, type VolumeSpec } from "./spec.ts";

/** Volume of the mesh socket that a lab adds; the "." keeps it apart from every name that a manifest can have. */
export const meshVolume = ".mesh";

const meshDriver = "csi.networkservicemesh.io";
/** What a lab's own file system is made of. */
const reserved = ["/", "/dev", "/proc", "/sys", "/run", "/run/nsmkit"];

export function buildVolumes(volumes: readonly Volume[], facts: PodFacts, place: Place): VolumeSpec[] {
  return volumes.flatMap((volume, i) => {
    const at: Place = { ...place, path: [...place.path, i] };
    const spec = buildVolume(volume, facts, at);
    return spec ? [spec] : [];
  });
}

function buildVolume(volume: Volume, facts: PodFacts, place: Place): VolumeSpec | undefined {
  const { name } = volume;
  if (volume.configMap) {
    const { name: configMap, items, optional } = volume.configMap;
    const data = facts.configMaps.get(configMap);
    if (!data && !optional) complain(place, missingConfigMap(configMap));
    for (const { key, path } of items ?? []) {
      if (data && !Object.hasOwn(data, key) && !optional) complain(place, `ConfigMap ${configMap} has no key ${key}`);
      if (path.startsWith("/") || path.split("/").includes(".."))
        complain(place, `path ${JSON.stringify(path)} leaves the volume; write a relative path without ".."`);
    }
    return {
      name,
      type: "configMap",
      configMap,
      ...(items ? { items: items.map(({ key, path }) => ({ key, path })) } : {}),
    };
  }
  if (volume.hostPath) {
    const path = volume.hostPath.path.replace(/\/+$/, "") || "/";
    if (path === meshSocketDirectory) return { name, type: "mesh" };
    const mustExist = !["", "DirectoryOrCreate", undefined, null].includes(volume.hostPath.type);
    return { name, type: "hostPath", path, mustExist };
  }
  if (volume.csi) {
    if (volume.csi.driver === meshDriver) return { name, type: "mesh" };
    complain(place, `csi driver ${volume.csi.driver} is not possible in a lab; it has ${meshDriver}`);
    return undefined;
  }
  return { name, type: "emptyDir" };
}

/** The mounts of all containers of a Pod, which share one view of the file system in a lab. */
export function buildMounts(
  containers: readonly { container: Container; place: Place }[],
  volumes: readonly VolumeSpec[],
): MountSpec[] {
  const mounts = new Map<string, MountSpec>();
  for (const { container, place } of containers) {
    for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
      const at: Place = { ...place, path: [...place.path, "volumeMounts", i] };
      const path = mount.mountPath.replaceAll(/\/+/g, "/").replace(/(?<=.)\/$/, "");
      if (!volumes.some((volume) => volume.name === mount.name))
        complain(at, `names the volume ${mount.name}, which the Pod has not; add it under spec.volumes`);
      if (reserved.includes(path) || path.startsWith("/run/nsmkit/") || path.split("/").includes(".."))
        complain(at, `mountPath ${mount.mountPath} is taken by the lab itself; choose another folder`);
      const spec: MountSpec = {
        volume: mount.name,
        path,
        readOnly: mount.readOnly ?? false,
        ...(mount.subPath ? { subPath: mount.subPath } : {}),
      };
      const other = mounts.get(path);
      if (other && (other.volume !== spec.volume || other.subPath !== spec.subPath))
        complain(
          at,
          `another container of the Pod mounts ${other.volume} at ${path}; in a lab they share one file system`,
        );
      mounts.set(path, other?.readOnly === false ? other : spec);
    }
  }
  // A folder before what is mounted inside it.
  return [...mounts.values()].sort(
    (a, b) => a.path.split("/").length - b.path.split("/").length || (a.path < b.path ? -1 : 1),
  );
}
