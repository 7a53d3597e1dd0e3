import type { AgentPresence } from "@nsmkit/agent/cnf-configuration";
import { type FollowUpdate, type KeyValue, readStatus, readStatusKey, shown, textOf } from "@nsmkit/agent/etcd";
import { messageOf } from "@nsmkit/core";
import type { ValueStatus } from "@nsmkit/scheduler";
import type { Owner, StoredValue, StoreView } from "./plan.ts";
import { type RecordPlaces, readOwnerKey, readRecord } from "./record.ts";

export const agentsRoot = "/vnf-agent/";

/** What has changed, by somebody else or after a look at everything. */
export type MirrorChange =
  | { readonly kind: "value"; readonly key: string }
  /** Of a resource in our cluster: `namespace/name`. */
  | { readonly kind: "record"; readonly resource: string }
  /** @property key of the value, not of its status */
  | { readonly kind: "state"; readonly key: string; readonly gone: boolean }
  | { readonly kind: "agent"; readonly label: string; readonly gone: boolean }
  | { readonly kind: "leader" }
  | { readonly kind: "all" };

export interface ReportedState {
  readonly status: ValueStatus;
  readonly modRevision: bigint;
}

type Entry =
  | { readonly kind: "value"; readonly stored: StoredValue }
  | { readonly kind: "owner"; readonly owner: Owner }
  | { readonly kind: "state"; readonly configKey: string; readonly label: string; readonly state: ReportedState }
  | { readonly kind: "agent"; readonly label: string; readonly modRevision: bigint; readonly seenMs: number }
  | { readonly kind: "leader"; readonly stored: StoredValue };

/** The agents' keys and our records, as far as etcd has told of them and as we have written them. */
export class StoreMirror implements StoreView {
  readonly #places: RecordPlaces;
  readonly #onChange: (change: MirrorChange) => void;
  readonly #onOddity: (key: string, what: string) => void;
  readonly #entries = { agents: new Map<string, Entry>(), records: new Map<string, Entry>() };
  readonly #synced = { agents: false, records: false };
  /** Keys that we deleted, and when: older news of them is no news. */
  readonly #deleted = new Map<string, bigint>();
  readonly #owners = new Map<string, Set<string>>();
  readonly #states = new Map<string, ReportedState>();
  readonly #reporting = new Map<string, number>();
  /** When each agent last said that it lives; one whose word ends with it needs no time. */
  readonly #agents = new Map<string, number>();
  readonly #now: () => number;

  constructor(options: {
    places: RecordPlaces;
    onChange: (change: MirrorChange) => void;
    /** Told of entries that cannot be read. */
    onOddity?: (key: string, what: string) => void;
    /** ms since 1970, for words of agents that outlive them. */
    now: () => number;
  }) {
    this.#now = options.now;
    this.#places = options.places;
    this.#onChange = options.onChange;
    this.#onOddity = options.onOddity ?? (() => {});
  }

  get cluster(): string {
    return this.#places.cluster;
  }

  /** Whether everything is known. */
  get synced(): boolean {
    return this.#synced.agents && this.#synced.records;
  }

  /** Says that what is known may be old, until the next snapshots. */
  unsync(): void {
    this.#synced.agents = false;
    this.#synced.records = false;
  }

  valueOf(key: string): StoredValue | undefined {
    const entry = this.#entries.agents.get(key);
    return entry?.kind === "value" ? entry.stored : undefined;
  }

  recordOf(resource: string): Owner | undefined {
    const entry = this.#entries.records.get(this.#places.ownerKey(resource));
    return entry?.kind === "owner" ? entry.owner : undefined;
  }

  ownersOf(key: string): readonly Owner[] {
    return [...(this.#owners.get(key) ?? [])].flatMap((recordKey) => {
      const entry = this.#entries.records.get(recordKey);
      return entry?.kind === "owner" ? [entry.owner] : [];
    });
  }

  /** Resources of our cluster that have a record. */
  resources(): string[] {
    return [...this.#entries.records.values()].flatMap((entry) =>
      entry.kind === "owner" && entry.owner.cluster === this.cluster ? [entry.owner.resource] : [],
    );
  }

  get leader(): string | undefined {
    const entry = this.#entries.records.get(this.#places.leaderKey);
    return entry?.kind === "leader" ? entry.stored.value : undefined;
  }

  stateOf(key: string): ReportedState | undefined {
    return this.#states.get(key);
  }

  agentOf(label: string): AgentPresence {
    if ((this.#reporting.get(label) ?? 0) > 0) return "reporting";
    const seenMs = this.#agents.get(label) ?? Number.NEGATIVE_INFINITY;
    return this.#now() - seenMs < silentMs ? "silent" : "absent";
  }

  /** What a compare needs: 0n for a key that does not exist. */
  modRevisionOf(key: string): bigint {
    const entry = this.#entries.agents.get(key) ?? this.#entries.records.get(key);
    return entry === undefined ? 0n : revisionOf(entry);
  }

  /** Whether a list of the agents' keys at a revision has what was told up to then: the declared values, that is. */
  agrees(kvs: readonly KeyValue[], revision: bigint): boolean {
    const listed = new Map(kvs.map((kv) => [keyText(kv), kv.modRevision]));
    for (const [key, entry] of this.#entries.agents) {
      if (entry.kind !== "value" || revisionOf(entry) > revision) continue;
      if (listed.get(key) !== revisionOf(entry)) return false;
    }
    // One that is not known yet may be on its way: only what is on a record must be there.
    for (const key of this.#owners.keys()) if (listed.has(key) && !this.#entries.agents.has(key)) return false;
    return true;
  }

  /** Takes in what etcd tells of the agents' keys, or of ours. */
  apply(part: "agents" | "records", update: FollowUpdate): void {
    if (update.kind === "snapshot") {
      for (const key of this.#entries[part].keys()) this.#set(key, undefined);
      this.#deleted.clear();
      for (const kv of update.kvs) this.#set(keyText(kv), this.#read(keyText(kv), kv));
      this.#synced[part] = true;
      if (this.synced) this.#onChange({ kind: "all" });
      return;
    }
    for (const { type, kv } of update.events) {
      const key = keyText(kv);
      const known = this.#deleted.get(key) ?? this.modRevisionOf(key);
      if (kv.modRevision <= known) continue;
      const before = this.#entries[part].get(key);
      const after = type === "delete" ? undefined : this.#read(key, kv);
      this.#deleted.delete(key);
      this.#set(key, after);
      this.#tell(key, before, after);
    }
    for (const [key, revision] of this.#deleted) if (revision <= update.revision) this.#deleted.delete(key);
  }

  /** Takes in what a transaction of our own did or found, before the watch tells it. Nobody is told: we know. */
  learn(
    key: string,
    kv: KeyValue | { readonly value: string; readonly modRevision: bigint } | undefined,
    revision: bigint,
  ): void {
    if (this.modRevisionOf(key) > (kv?.modRevision ?? revision)) return;
    this.#set(key, kv && this.#read(key, kv));
    if (kv) this.#deleted.delete(key);
    else this.#deleted.set(key, revision);
  }

  #read(
    key: string,
    kv: Pick<KeyValue, "modRevision"> & { readonly value: Uint8Array | string; readonly lease?: bigint },
  ): Entry | undefined {
    const { modRevision } = kv;
    const value = typeof kv.value === "string" ? kv.value : (textOf(kv.value) ?? shown(kv.value));
    if (key === this.#places.leaderKey) return { kind: "leader", stored: { value, modRevision } };
    if (!key.startsWith(agentsRoot)) {
      const place = readOwnerKey(key);
      if (!place) return undefined;
      const record = readRecord(value);
      if (!record) this.#onOddity(key, "is no record of an owner and counts as empty");
      const none = { uid: "", generation: 0, hash: "", keys: [] };
      return { kind: "owner", owner: { ...place, record: record ?? none, modRevision } };
    }
    const [, label = "", rest = ""] = /^\/vnf-agent\/([^/]+)\/(.*)$/s.exec(key) ?? [];
    if (rest.startsWith("config/")) return { kind: "value", stored: { value, modRevision } };
    if (rest === "check/status/v1/agent") {
      const bound = (kv.lease ?? 0n) !== 0n;
      return { kind: "agent", label, modRevision, seenMs: bound ? Number.POSITIVE_INFINITY : lastUpdateMs(value) };
    }
    const of = readStatusKey(key);
    if (!of) return undefined;
    try {
      const state = { status: readStatus(value), modRevision };
      return { kind: "state", configKey: `${agentsRoot}${label}/${of.key}`, label, state };
    } catch (error) {
      this.#onOddity(key, messageOf(error));
      return undefined;
    }
  }

  #set(key: string, after: Entry | undefined): void {
    const map = key.startsWith(agentsRoot) ? this.#entries.agents : this.#entries.records;
    const before = map.get(key);
    if (before) this.#unindex(key, before);
    if (!after) {
      map.delete(key);
      return;
    }
    map.set(key, after);
    if (after.kind === "owner") for (const owned of after.owner.record.keys) this.#ownersSet(owned).add(key);
    if (after.kind === "agent") this.#agents.set(after.label, after.seenMs);
    if (after.kind === "state") {
      this.#states.set(after.configKey, after.state);
      this.#reporting.set(after.label, (this.#reporting.get(after.label) ?? 0) + 1);
    }
  }

  #unindex(key: string, before: Entry): void {
    if (before.kind === "owner")
      for (const owned of before.owner.record.keys) {
        const set = this.#ownersSet(owned);
        set.delete(key);
        if (set.size === 0) this.#owners.delete(owned);
      }
    if (before.kind === "agent") this.#agents.delete(before.label);
    if (before.kind === "state") {
      this.#states.delete(before.configKey);
      const left = (this.#reporting.get(before.label) ?? 1) - 1;
      if (left > 0) this.#reporting.set(before.label, left);
      else this.#reporting.delete(before.label);
    }
  }

  #ownersSet(key: string): Set<string> {
    const set = this.#owners.get(key) ?? new Set();
    this.#owners.set(key, set);
    return set;
  }

  #tell(key: string, before: Entry | undefined, after: Entry | undefined): void {
    const entry = after ?? before;
    if (!entry) return;
    const gone = after === undefined;
    switch (entry.kind) {
      case "value":
        this.#onChange({ kind: "value", key });
        return;
      case "owner":
        if (entry.owner.cluster === this.cluster) this.#onChange({ kind: "record", resource: entry.owner.resource });
        return;
      case "state":
        this.#onChange({ kind: "state", key: entry.configKey, gone });
        return;
      case "agent":
        // It says again and again that it lives.
        if (gone || before === undefined) this.#onChange({ kind: "agent", label: entry.label, gone });
        return;
      case "leader":
        this.#onChange({ kind: "leader" });
        return;
    }
  }
}

/** Agents of Ligato say every ten seconds that they live, and leave their last word behind. */
const silentMs = 60_000;

/** `last_update` of cn-infra's AgentStatus, seconds as text or number; for ever ago when it says nothing of the kind. */
function lastUpdateMs(text: string): number {
  const [, seconds] = /"last_?[uU]pdate":\s*"?(\d+)"?/.exec(text) ?? [];
  return seconds === undefined ? Number.NEGATIVE_INFINITY : Number(seconds) * 1000;
}

const keyText = ({ key }: KeyValue): string => textOf(key) ?? shown(key);

function revisionOf(entry: Entry): bigint {
  switch (entry.kind) {
    case "value":
    case "leader":
      return entry.stored.modRevision;
    case "owner":
      return entry.owner.modRevision;
    case "state":
      return entry.state.modRevision;
    case "agent":
      return entry.modRevision;
  }
}
