/** Field ownership for the in-memory server: just enough of structured-merge-diff for whole objects and keyed lists. */
import type { FieldSet } from "../object.ts";

type Json = { [key: string]: unknown };
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Lists of objects with a `name` merge by it; of strings under these fields as sets; all others are atomic. */
const sets = new Set(["finalizers"]);
const keyed = (list: readonly unknown[]): list is Json[] =>
  list.length > 0 && list.every((item) => isMap(item) && typeof item.name === "string");
const nameKey = (item: Json): string => `k:${JSON.stringify({ name: item.name })}`;

/** The leaves of an object as a field set. */
export function fieldsOf(value: unknown, field = ""): FieldSet {
  if (isMap(value)) {
    const set: Record<string, FieldSet> = {};
    for (const [name, below] of Object.entries(value)) set[`f:${name}`] = fieldsOf(below, name);
    return set;
  }
  if (Array.isArray(value)) {
    if (sets.has(field)) return Object.fromEntries(value.map((item) => [`v:${JSON.stringify(item)}`, {}]));
    if (keyed(value)) return Object.fromEntries(value.map((item) => [nameKey(item), { ".": {}, ...fieldsOf(item) }]));
  }
  return {};
}

/** What an apply owns: everything but identity (apimachinery strips these from managed fields). */
export function appliedFieldSet(object: Json): FieldSet {
  const { apiVersion: _a, kind: _k, status: _s, metadata, ...rest } = object;
  const { name: _n, namespace: _ns, resourceVersion: _r, uid: _u, ...meta } = (metadata ?? {}) as Json;
  return fieldsOf(Object.keys(meta).length > 0 ? { ...rest, metadata: meta } : rest);
}

/** `applied` laid over `live`; keyed lists element by element. */
export function mergeApplied(live: unknown, applied: unknown, field = ""): unknown {
  if (isMap(live) && isMap(applied)) {
    const merged: Json = { ...live };
    for (const [name, value] of Object.entries(applied)) merged[name] = mergeApplied(live[name], value, name);
    return merged;
  }
  if (Array.isArray(live) && Array.isArray(applied)) {
    if (sets.has(field)) return [...new Set([...live, ...applied])];
    if (keyed(applied) && (keyed(live) || live.length === 0)) {
      const items = (live as Json[]).map((old) => {
        const over = applied.find((item) => item.name === old.name);
        return over ? mergeApplied(old, over) : old;
      });
      const fresh = applied.filter((item) => !(live as Json[]).some((old) => old.name === item.name));
      return [...items, ...fresh];
    }
  }
  return structuredClone(applied);
}

/** Removes the fields that are in `before`, not in `now`, and that none of `others` owns. */
export function removeGivenUp(value: unknown, before: FieldSet, now: FieldSet, others: readonly FieldSet[]): unknown {
  if (Array.isArray(value)) {
    const keyOf = (item: unknown): string => (isMap(item) ? nameKey(item) : `v:${JSON.stringify(item)}`);
    return value
      .filter((item) => {
        const key = keyOf(item);
        return !(key in before) || key in now || others.some((other) => key in other);
      })
      .map((item) => {
        const key = keyOf(item);
        const below = before[key];
        if (!below || !isMap(item)) return item;
        const beside = others.flatMap((other) => (other[key] ? [other[key]] : []));
        return removeGivenUp(item, below, now[key] ?? {}, beside);
      });
  }
  if (!isMap(value)) return value;
  const kept: Json = { ...value };
  for (const [key, below] of Object.entries(before)) {
    if (!key.startsWith("f:")) continue;
    const name = key.slice(2);
    const beside = others.flatMap((other) => (other[key] ? [other[key]] : []));
    if (!(key in now) && beside.length === 0) delete kept[name];
    else if (name in kept) kept[name] = removeGivenUp(kept[name], below, now[key] ?? {}, beside);
  }
  return kept;
}

/** Paths that both sets own and whose values differ between two objects. */
export function conflicts(mine: FieldSet, theirs: FieldSet, applied: unknown, live: unknown, path = ""): string[] {
  return Object.keys(mine).flatMap((key) => {
    if (!(key in theirs) || !key.startsWith("f:") || !isMap(applied) || !isMap(live)) return [];
    const name = key.slice(2);
    const below = mine[key] ?? {};
    if (Object.keys(below).length > 0)
      return conflicts(below, theirs[key] ?? {}, applied[name], live[name], `${path}.${name}`);
    return JSON.stringify(applied[name]) === JSON.stringify(live[name]) ? [] : [`${path}.${name}`];
  });
}
