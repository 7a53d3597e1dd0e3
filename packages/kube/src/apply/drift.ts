/**
 * Whether an object must be applied again. A server-side apply that changes nothing is still a request and a write in
 * the audit log; a steady state must make none, so the difference is found in the cache.
 */
import type { FieldSet, KubeObject, ManagedFields } from "../object.ts";

/** The fields that `manager` applied to the main resource; undefined if it never did. */
export function appliedFields(live: KubeObject, manager: string): FieldSet | undefined {
  const own = (entry: ManagedFields): boolean =>
    entry.manager === manager && entry.operation === "Apply" && (entry.subresource ?? "") === "";
  return live.metadata.managedFields?.find(own)?.fieldsV1;
}

/**
 * @param desired what would be applied
 * @param live the object in the cluster, managedFields included
 * @returns the path of the first difference for the log, or undefined when live is as desired
 */
export function findDrift(desired: KubeObject, live: KubeObject, manager: string): string | undefined {
  const owned = appliedFields(live, manager);
  if (!owned) return "metadata.managedFields";
  return differs(desired, live, "") ?? surplus(owned, desired, "");
}

type Json = { readonly [key: string]: unknown };
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Set by the server, or identity that cannot differ. */
const notCompared = new Set(["apiVersion", "kind", "status"]);

/** A field of `desired` that live has otherwise. Fields that only live has (defaults, others' fields) do not count. */
function differs(desired: unknown, live: unknown, path: string): string | undefined {
  if (isMap(desired)) {
    if (!isMap(live)) return Object.keys(desired).length === 0 && live === undefined ? undefined : path;
    for (const [field, value] of Object.entries(desired)) {
      if (path === "" && notCompared.has(field)) continue;
      const difference = differs(value, live[field], path === "" ? field : `${path}.${field}`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (Array.isArray(desired)) return differsInList(desired, live, path);
  if (desired === live) return undefined;
  // The server drops nulls and empty values that it does not keep.
  if ((desired === null || desired === undefined) && (live === null || live === undefined)) return undefined;
  return sameQuantity(desired, live) ? undefined : path;
}

/** Keys by which Kubernetes merges lists of objects (x-kubernetes-list-map-keys of the built-in kinds). */
const listKeys = [
  ["containerPort", "protocol"],
  ["port", "protocol"],
  ["mountPath"],
  ["devicePath"],
  ["ip"],
  ["topologyKey", "whenUnsatisfiable"],
  ["uid"],
  ["name"],
  ["type"],
];

function differsInList(desired: readonly unknown[], live: unknown, path: string): string | undefined {
  if (!Array.isArray(live)) return desired.length === 0 && (live === undefined || live === null) ? undefined : path;
  const keys = listKeys.find((names) => desired.every((item) => isMap(item) && item[names[0] ?? ""] !== undefined));
  if (keys && desired.length > 0) {
    for (const item of desired as Json[]) {
      const same = (other: unknown): boolean =>
        isMap(other) && keys.every((k) => item[k] === undefined || item[k] === other[k]);
      const index = live.findIndex(same);
      const name = `${path}[${keys[0]}=${String(item[keys[0] ?? ""])}]`;
      const difference = index < 0 ? name : differs(item, live[index], name);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (live.length !== desired.length) return path;
  for (const [index, item] of desired.entries()) {
    const difference = differs(item, live[index], `${path}[${index}]`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** A field or list element that we applied once and desire no more. */
function surplus(owned: FieldSet, desired: unknown, path: string): string | undefined {
  for (const [key, below] of Object.entries(owned)) {
    const part = key.startsWith("f:")
      ? fieldPart(desired, key.slice(2), path)
      : Array.isArray(desired)
        ? elementPart(desired, key, path)
        : undefined;
    if (!part) continue;
    if (part.value === undefined) return part.path;
    const difference = surplus(below, part.value, part.path);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

interface Part {
  readonly path: string;
  /** Undefined when desired lacks it. */
  readonly value: unknown;
}

function fieldPart(desired: unknown, field: string, path: string): Part {
  return { path: path === "" ? field : `${path}.${field}`, value: isMap(desired) ? desired[field] : undefined };
}

/** An element of a list by its keys (`k:`) or its value (`v:`); positions (`i:`) and "." say nothing of their own. */
function elementPart(desired: readonly unknown[], key: string, path: string): Part | undefined {
  const text = key.slice(2);
  if (key.startsWith("v:"))
    return { path: `${path}[${text}]`, value: desired.find((item) => JSON.stringify(item) === text) };
  if (!key.startsWith("k:")) return undefined;
  const keys: unknown = JSON.parse(text);
  // A defaulted key field (protocol: TCP) is in the set though we never wrote it.
  const matches = (item: unknown): boolean =>
    isMap(item) && isMap(keys) && Object.entries(keys).every(([k, v]) => item[k] === undefined || item[k] === v);
  return { path: `${path}[${text}]`, value: desired.find(matches) };
}

const quantity = /^([+-]?\d+(?:\.\d*)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;
const scale: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Resource quantities come back in canonical form: "1000m" as "1" (apimachinery, resource.Quantity). */
function sameQuantity(a: unknown, b: unknown): boolean {
  const read = (value: unknown): number | undefined => {
    const match = quantity.exec(String(value));
    return match ? Number(match[1]) * (scale[match[2] ?? ""] ?? Number.NaN) : undefined;
  };
  if (typeof a !== "string" || typeof b !== "string") return false;
  const [x, y] = [read(a), read(b)];
  return x !== undefined && x === y;
}
