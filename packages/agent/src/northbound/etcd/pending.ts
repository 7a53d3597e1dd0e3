import type { FollowUpdate, KeyValue } from "../../etcd/api.ts";
import { localKey } from "./decode.ts";

/** Revisions that have arrived and are not applied yet, whole and in order; of a key that changed often the last counts. */
export class Pending {
  readonly #prefix: string;
  /** Undefined: deleted. */
  readonly entries = new Map<string, KeyValue | undefined>();
  /** The entries are all there is. */
  snapshot = false;
  revisions = 0;
  revision = 0n;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get empty(): boolean {
    return this.revisions === 0;
  }

  add(update: FollowUpdate): void {
    this.revisions++;
    this.revision = update.revision;
    if (update.kind === "snapshot") {
      this.snapshot = true;
      this.entries.clear();
      for (const kv of update.kvs) this.entries.set(localKey(kv.key, this.#prefix), kv);
      return;
    }
    for (const { type, kv } of update.events) {
      const key = localKey(kv.key, this.#prefix);
      if (type === "put") this.entries.set(key, kv);
      else if (this.snapshot) this.entries.delete(key);
      else this.entries.set(key, undefined);
    }
  }
}
