/** What has to be written for one resource, worked out without touching anything. */
import type { DeclaredPair, DeclaredProblem } from "@nsmkit/agent/cnf-configuration";
import { maxTxnOps } from "@nsmkit/agent/etcd";
import { hashOf, type OwnerPlace, type OwnerRecord, RecordPlaces } from "./record.ts";

export interface StoredValue {
  readonly value: string;
  readonly modRevision: bigint;
}

export interface Owner extends OwnerPlace {
  readonly record: OwnerRecord;
  readonly modRevision: bigint;
}

/** What is known of the store. */
export interface StoreView {
  readonly cluster: string;
  valueOf(key: string): StoredValue | undefined;
  /** By `namespace/name` in our own cluster. */
  recordOf(resource: string): Owner | undefined;
  /** Every record that lists a key, of whatever cluster. */
  ownersOf(key: string): readonly Owner[];
}

export interface Wanted {
  /** `namespace/name` */
  readonly resource: string;
  readonly uid: string;
  readonly generation: number;
  readonly pairs: readonly DeclaredPair[];
  /** Whether keys that nobody owns may be overwritten. */
  readonly takeOver: boolean;
}

export interface PlanOptions {
  /** Whether two texts under a key mean the same. */
  readonly isSame: (itemKey: string, a: string, b: string) => boolean;
  /** Another resource that claims a key too and comes first; a sentence part for people. */
  readonly rivalOf: (key: string) => string | undefined;
}

/** One transaction. */
export interface Step {
  readonly puts: readonly { readonly key: string; readonly value: string }[];
  readonly deletes: readonly string[];
  /** Keys, or records of others, that are taken as they are: they must not change meanwhile. */
  readonly guards: readonly string[];
  readonly record: { readonly put: OwnerRecord } | "delete" | "keep";
}

export type Plan =
  | { readonly kind: "same" }
  | { readonly kind: "conflict"; readonly problems: readonly DeclaredProblem[] }
  | {
      readonly kind: "write";
      readonly steps: readonly Step[];
      /** Keys of ours that somebody else had changed or deleted. */
      readonly repaired: readonly string[];
      /** Keys that were there and nobody's. */
      readonly adopted: readonly string[];
    };

/** A transaction may have this many keys beside the record and the leader's key. */
export const keysPerStep = maxTxnOps - 2;
/** What etcd takes in a request (--max-request-bytes is 1.5 MiB), with room for what frames the keys and values. */
const bytesPerRequest = 1_200_000;
/** However long the record is. */
const leastBytesPerStep = 64_000;

/** Puts and deletes that bring the store from what it is to what the resource declares. */
export function planChange(wanted: Wanted, view: StoreView, options: PlanOptions): Plan {
  const { pairs, resource, uid, generation } = wanted;
  const before = view.recordOf(resource)?.record;
  const own = new Set(before?.keys);
  const problems: DeclaredProblem[] = [];
  const puts: DeclaredPair[] = [];
  const guards: string[] = [];
  const adopted: string[] = [];
  for (const pair of pairs) {
    const found = view.valueOf(pair.key);
    if (!own.has(pair.key)) {
      const holder = holderOf(pair, found, wanted, view, options);
      if (holder !== undefined) {
        problems.push(problemOf(pair, holder));
        continue;
      }
      if (found) adopted.push(pair.key);
    }
    if (found?.value !== pair.value) puts.push(pair);
    else if (!own.has(pair.key)) guards.push(pair.key);
  }
  if (problems.length > 0) return { kind: "conflict", problems };
  const kept = new Set(pairs.map(({ key }) => key));
  const dropped = [...own].filter((key) => !kept.has(key));
  const { deletes, held } = released(dropped, resource, view);
  guards.push(...held);
  const hash = hashOf(pairs);
  const recorded = before?.hash === hash && before.uid === uid && before.keys.length === pairs.length;
  if (recorded && puts.length + deletes.length + guards.length + dropped.length === 0) return { kind: "same" };
  const repaired = recorded ? puts.map(({ key }) => key) : [];
  const record: OwnerRecord = { uid, generation, hash, keys: pairs.map(({ key }) => key) };
  const last: Step["record"] = recorded && guards.length === 0 ? "keep" : { put: record };
  return { kind: "write", steps: split({ puts, deletes, guards, record: last }, own, record), repaired, adopted };
}

/** What removes everything of a resource that is gone. */
export function planRemoval(resource: string, view: StoreView): Plan {
  const before = view.recordOf(resource)?.record;
  if (!before) return { kind: "same" };
  const { deletes, held } = released(before.keys, resource, view);
  const steps = split({ puts: [], deletes, guards: held, record: "delete" }, new Set(before.keys), before);
  return { kind: "write", steps, repaired: [], adopted: [] };
}

/** Who has the key that the resource wants, when it cannot have it. */
function holderOf(
  pair: DeclaredPair,
  found: StoredValue | undefined,
  wanted: Wanted,
  view: StoreView,
  { isSame, rivalOf }: PlanOptions,
): string | undefined {
  const same = found !== undefined && isSame(pair.itemKey, found.value, pair.value);
  for (const owner of view.ownersOf(pair.key)) {
    if (owner.cluster === view.cluster && owner.resource === wanted.resource) continue;
    if (owner.cluster === view.cluster) return `CNFConfiguration ${owner.resource}`;
    // A cluster that was set up anew finds what it wrote before; as long as both want the same, nobody is harmed.
    if (!same) return `CNFConfiguration ${owner.resource} of the cluster ${owner.cluster}`;
  }
  const rival = rivalOf(pair.key);
  if (rival !== undefined) return `CNFConfiguration ${rival}`;
  if (!found || same || wanted.takeOver) return undefined;
  return "nobody";
}

function problemOf({ index, key, model }: DeclaredPair, holder: string): DeclaredProblem {
  const what = `item ${index + 1}: ${model}: the key ${key}`;
  const text =
    holder === "nobody"
      ? `${what} is in etcd already, with another value that no CNFConfiguration has put there; delete it there, or annotate this resource with ${takeOverAnnotation}: "true" to overwrite it`
      : `${what} belongs to ${holder}; change or delete one of the two`;
  return { index, place: `spec.configItems[${index}]`, text };
}

/** Annotation of a resource: overwrite keys that nobody owns. */
export const takeOverAnnotation = "pantheon.tech/take-over";

/**
 * Keys that leave a record. Those that are there and on no other record are deleted. For the others it must be true that
 * they are not there, or that the other record is: what is known may be old, and a key that is on no record stays for
 * ever.
 */
function released(
  keys: readonly string[],
  resource: string,
  view: StoreView,
): { readonly deletes: readonly string[]; readonly held: readonly string[] } {
  const deletes: string[] = [];
  const held = new Set<string>();
  for (const key of keys) {
    const other = view.ownersOf(key).find((owner) => owner.cluster !== view.cluster || owner.resource !== resource);
    if (other) held.add(new RecordPlaces(other.cluster).ownerKey(other.resource));
    else if (view.valueOf(key) === undefined) held.add(key);
    else deletes.push(key);
  }
  return { deletes, held: [...held] };
}

/**
 * One step where it fits. What does not fit is split so that each step changes some keys and, in the same transaction,
 * the record of them: wherever it stops, the record has exactly the keys that are ours. New values come before old ones
 * go, as agents would rather have too much than too little.
 */
function split(whole: Step, own: ReadonlySet<string>, record: OwnerRecord): Step[] {
  const ops: { op: "put" | "delete" | "guard"; key: string; value: string }[] = [
    ...whole.guards.map((key) => ({ op: "guard" as const, key, value: "" })),
    ...whole.puts.map(({ key, value }) => ({ op: "put" as const, key, value })),
    ...whole.deletes.map((key) => ({ op: "delete" as const, key, value: "" })),
  ];
  const chunks: (typeof ops)[] = [[]];
  const recordBytes = [...own, ...record.keys].reduce((sum, key) => sum + Buffer.byteLength(key) + 3, 200);
  const bytesPerStep = Math.max(leastBytesPerStep, bytesPerRequest - recordBytes);
  let bytes = 0;
  for (const op of ops) {
    // In its comparison, in what is done, and in what is asked for when that cannot be.
    const size = 3 * Buffer.byteLength(op.key) + Buffer.byteLength(op.value) + 64;
    const chunk = chunks.at(-1) ?? [];
    if (chunk.length > 0 && (chunk.length === keysPerStep || bytes + size > bytesPerStep)) {
      chunks.push([op]);
      bytes = size;
    } else {
      chunk.push(op);
      bytes += size;
    }
  }
  if (chunks.length === 1) return [whole];
  const keys = new Set(own);
  const wanted = new Set(whole.record === "delete" ? [] : record.keys);
  return chunks.map((chunk, i) => {
    for (const { op, key } of chunk) {
      if (op === "delete") keys.delete(key);
      // A key that is guarded joins the record when it is wanted, and leaves it when it is not.
      else if (op === "put" || wanted.has(key)) keys.add(key);
      else keys.delete(key);
    }
    const unfinished: Step["record"] = { put: { ...record, hash: "", keys: [...keys] } };
    return {
      puts: chunk.filter(({ op }) => op === "put").map(({ key, value }) => ({ key, value })),
      deletes: chunk.filter(({ op }) => op === "delete").map(({ key }) => key),
      guards: chunk.filter(({ op }) => op === "guard").map(({ key }) => key),
      record: i === chunks.length - 1 ? whole.record : whole.record === "keep" ? "keep" : unfinished,
    };
  });
}
