import type { JsonPatchOperation } from "@nsmkit/kube/admission";
import type { Clients } from "./clients.ts";
import { isMap, type Json, listOf, mapOf, pointer, textOf } from "./json.ts";

/** A Pod, or the template of one. */
export interface PodPart {
  /** Where it is in the object: "" or "/spec/template". */
  readonly path: string;
  readonly pod: Json;
}

/** Whether the clients are there: containers that are told what to connect to, by whomever. */
export function hasClients({ pod }: PodPart, servicesVariable: string): boolean {
  const { containers, initContainers } = mapOf(pod.spec);
  return [...listOf(containers), ...listOf(initContainers)].some((container) =>
    listOf(container.env).some(({ name }) => name === servicesVariable),
  );
}

/** Adds clients and labels to a Pod that has none; what the Pod has stays as and where it is. */
export function podPatch(
  { path, pod }: PodPart,
  clients: Clients,
  labels: Readonly<Record<string, string>>,
): readonly JsonPatchOperation[] {
  const spec = mapOf(pod.spec);
  const { volumes, renamed } = fittedVolumes(listOf(spec.volumes), clients.volumes);
  const taken = new Set(
    [spec.containers, spec.initContainers, spec.ephemeralContainers].flatMap(listOf).map(({ name }) => textOf(name)),
  );
  const fitted = (container: Json): Json => {
    const name = freeName(textOf(container.name), taken);
    taken.add(name);
    const mounts = listOf(container.volumeMounts).map((mount) => ({
      ...mount,
      name: renamed.get(textOf(mount.name)) ?? mount.name,
    }));
    return { ...container, name, volumeMounts: mounts };
  };
  return [
    ...labelPatch(path, pod.metadata, labels),
    ...appended(`${path}/spec/initContainers`, spec.initContainers, clients.initContainers.map(fitted)),
    ...appended(`${path}/spec/containers`, spec.containers, clients.containers.map(fitted)),
    ...appended(`${path}/spec/volumes`, spec.volumes, volumes),
  ];
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let at = 1; ; at++) {
    const name = at === 1 ? wanted : `${wanted}-${at}`;
    if (!taken.has(name)) return name;
  }
}

/** A volume that the Pod has already is used; another one of its name keeps it. */
function fittedVolumes(
  there: readonly Json[],
  wanted: readonly Json[],
): { readonly volumes: readonly Json[]; readonly renamed: ReadonlyMap<string, string> } {
  const taken = new Set(there.map(({ name }) => textOf(name)));
  const renamed = new Map<string, string>();
  const volumes: Json[] = [];
  for (const volume of wanted) {
    const name = textOf(volume.name);
    const same = there.find((other) => textOf(other.name) === name && isSameSource(other, volume));
    if (same) continue;
    const free = freeName(name, taken);
    taken.add(free);
    renamed.set(name, free);
    volumes.push({ ...volume, name: free });
  }
  return { volumes, renamed };
}

function isSameSource(a: Json, b: Json): boolean {
  const key = (volume: Json): string =>
    JSON.stringify([mapOf(volume.hostPath).path ?? null, mapOf(volume.csi).driver ?? null]);
  return (isMap(a.hostPath) || isMap(a.csi)) && key(a) === key(b);
}

/** A list that is absent or null is made; "-" is the place behind the last element. */
function appended(path: string, there: unknown, items: readonly Json[]): readonly JsonPatchOperation[] {
  if (items.length === 0) return [];
  if (!Array.isArray(there)) return [{ op: "add", path, value: items }];
  return items.map((value) => ({ op: "add", path: `${path}/-`, value }));
}

function labelPatch(
  path: string,
  metadata: unknown,
  wanted: Readonly<Record<string, string>>,
): readonly JsonPatchOperation[] {
  const missing = Object.entries(wanted);
  if (missing.length === 0) return [];
  if (!isMap(metadata)) return [{ op: "add", path: `${path}/metadata`, value: { labels: wanted } }];
  const { labels } = metadata;
  if (!isMap(labels)) return [{ op: "add", path: `${path}/metadata/labels`, value: wanted }];
  return missing
    .filter(([key, value]) => labels[key] !== value)
    .map(([key, value]) => ({ op: "add", path: `${path}/metadata/labels/${pointer(key)}`, value }));
}
