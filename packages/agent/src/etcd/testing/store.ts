import { CodedError } from "@nsmkit/core";
import type {
  Bytes,
  Compare,
  KeyRange,
  KeyValue,
  Operation,
  OperationResult,
  Txn,
  TxnResult,
  WatchEvent,
} from "../api.ts";
import { maxTxnOps } from "../api.ts";
import { bytesOf, compareBytes } from "../bytes.ts";

/** Keys as strings of one character per byte: they sort as their bytes do. */
type Key = string;

const keyOf = (bytes: Bytes): Key => Buffer.from(bytesOf(bytes)).toString("latin1");
const bytesOfKey = (key: Key): Uint8Array => Buffer.from(key, "latin1");
const refused = (text: string): CodedError => new CodedError("INVALID_ARGUMENT", `etcdserver: ${text}`);

interface Change {
  readonly event: WatchEvent;
  readonly before: KeyValue | undefined;
}

/** The revisions, keys and history of an etcd store, without its leases and its network. */
export class MemoryStore {
  revision = 1n;
  compacted = 0n;
  #keys = new Map<Key, KeyValue>();
  #history: { readonly revision: bigint; readonly changes: readonly Change[] }[] = [];

  /** A copy that changes no more. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    copy.revision = this.revision;
    copy.compacted = this.compacted;
    copy.#keys = new Map(this.#keys);
    copy.#history = [...this.#history];
    return copy;
  }

  get(key: Bytes): KeyValue | undefined {
    return this.#keys.get(keyOf(key));
  }

  /** As of now or an earlier revision, in the order of keys. */
  range(range: Bytes | KeyRange, at = 0n): KeyValue[] {
    if (at > this.revision) throw refused("mvcc: required revision is a future revision");
    if (at > 0n && at < this.compacted) throw compactedError(0n);
    const keys = at === 0n || at === this.revision ? this.#keys : this.#keysAt(at);
    const inside = selector(range);
    return [...keys]
      .filter(([key]) => inside(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, kv]) => kv);
  }

  #keysAt(revision: bigint): Map<Key, KeyValue> {
    const keys = new Map(this.#keys);
    for (const entry of this.#history.toReversed()) {
      if (entry.revision <= revision) break;
      for (const { event, before } of entry.changes.toReversed()) {
        const key = keyOf(event.kv.key);
        if (before) keys.set(key, before);
        else keys.delete(key);
      }
    }
    return keys;
  }

  /** Events of a range from a revision on. @throws when they were compacted */
  eventsFrom(range: KeyRange, from: bigint): { revision: bigint; events: WatchEvent[] }[] {
    if (from > 0n && from < this.compacted) throw compactedError(this.compacted);
    const inside = selector(range);
    return this.#history.flatMap(({ revision, changes }) => {
      if (revision < from) return [];
      const events = changes.map(({ event }) => event).filter(({ kv }) => inside(keyOf(kv.key)));
      return events.length > 0 ? [{ revision, events }] : [];
    });
  }

  compact(revision: bigint): void {
    if (revision > this.revision) throw refused("mvcc: required revision is a future revision");
    if (revision <= this.compacted) throw compactedError(0n);
    this.compacted = revision;
    this.#history = this.#history.filter((entry) => entry.revision >= revision);
  }

  txn(txn: Txn): { result: TxnResult; events: readonly WatchEvent[] } {
    const { compare = [], success = [], failure = [] } = txn;
    if (Math.max(compare.length, success.length, failure.length) > maxTxnOps)
      throw refused("too many operations in txn request");
    for (const operations of [success, failure]) checkOperations(operations);
    const succeeded = compare.every((one) => this.#holds(one));
    const revision = this.revision + 1n;
    const changes: Change[] = [];
    const results = (succeeded ? success : failure).map((operation) => this.#apply(operation, revision, changes));
    if (changes.length > 0) {
      this.revision = revision;
      this.#history.push({ revision, changes });
    }
    return { result: { succeeded, revision: this.revision, results }, events: changes.map(({ event }) => event) };
  }

  #apply(operation: Operation, revision: bigint, changes: Change[]): OperationResult {
    if ("put" in operation) {
      const key = keyOf(operation.put);
      const before = this.#keys.get(key);
      const kv: KeyValue = {
        key: bytesOfKey(key),
        value: Uint8Array.from(bytesOf(operation.value)),
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
        version: (before?.version ?? 0n) + 1n,
        lease: operation.lease ?? 0n,
      };
      this.#keys.set(key, kv);
      changes.push({ event: { type: "put", kv }, before });
      return { kind: "put" };
    }
    if ("range" in operation) return { kind: "range", kvs: this.range(operation.range) };
    const gone = this.range(operation.delete);
    for (const before of gone) {
      this.#keys.delete(keyOf(before.key));
      const kv = { ...nothing, key: before.key, modRevision: revision };
      changes.push({ event: { type: "delete", kv }, before });
    }
    return { kind: "delete", deleted: gone.length };
  }

  #holds(compare: Compare): boolean {
    const kv = this.get(compare.key);
    // etcd: the value of a key that does not exist compares as nothing does.
    if ("value" in compare && !kv) return false;
    const order = orderOf(compare, kv ?? nothing);
    switch (compare.is ?? "=") {
      case "=":
        return order === 0;
      case "!=":
        return order !== 0;
      case "<":
        return order < 0;
      default:
        return order > 0;
    }
  }
}

const empty = new Uint8Array(0);
const nothing: KeyValue = { key: empty, value: empty, createRevision: 0n, modRevision: 0n, version: 0n, lease: 0n };

function orderOf(compare: Compare, kv: KeyValue): number {
  if ("value" in compare) return compareBytes(kv.value, bytesOf(compare.value));
  const [actual, wanted] =
    "version" in compare
      ? [kv.version, compare.version]
      : "modRevision" in compare
        ? [kv.modRevision, compare.modRevision]
        : "createRevision" in compare
          ? [kv.createRevision, compare.createRevision]
          : [kv.lease, compare.lease];
  return actual < wanted ? -1 : actual > wanted ? 1 : 0;
}

function checkOperations(operations: readonly Operation[]): void {
  const puts = operations.flatMap((operation) => ("put" in operation ? [keyOf(operation.put)] : []));
  if (puts.includes("")) throw refused("key is not provided");
  const deletes = operations.flatMap((operation) => ("delete" in operation ? [selector(operation.delete)] : []));
  if (new Set(puts).size < puts.length || puts.some((key) => deletes.some((inside) => inside(key))))
    throw refused("duplicate key given in txn request");
}

function selector(range: Bytes | KeyRange): (key: Key) => boolean {
  const { key, end } = typeof range === "string" || range instanceof Uint8Array ? { key: range } : range;
  const from = keyOf(key);
  if (end === undefined) return (one) => one === from;
  const to = keyOf(end);
  return to === "\0" ? (one) => one >= from : (one) => one >= from && one < to;
}

function compactedError(compactRevision: bigint): CodedError {
  return new CodedError("FAILED_PRECONDITION", "mvcc: required revision has been compacted", {
    details: { compactRevision },
  });
}
