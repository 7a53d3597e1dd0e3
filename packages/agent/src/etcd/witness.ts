import type { Etcd, EtcdCallOptions, KeyValue, WatchEvent } from "./api.ts";
import { compareBytes } from "./bytes.ts";
import { compactedRevision } from "./errors.ts";

/**
 * Something that was read of a store's history, by which the history is known again. Numbers do not suffice: a backup
 * that was restored and written to may be at any revision, and in the very term in which the lost history was.
 */
export class Witness {
  readonly revision: bigint;
  readonly #event: WatchEvent;

  /** @param events of one revision, at least one */
  constructor(revision: bigint, events: readonly WatchEvent[]) {
    this.revision = revision;
    // A put tells more: what was deleted is not known.
    this.#event = (events.find(({ type }) => type === "put") ?? events[0]) as WatchEvent;
  }

  /**
   * Whether the store's history has the same at that revision.
   * @returns false too when the history is compacted
   */
  async holds(etcd: Etcd, options: EtcdCallOptions): Promise<boolean> {
    const { type, kv } = this.#event;
    const at = async (revision: bigint): Promise<KeyValue | undefined> =>
      (await etcd.list({ key: kv.key }, { ...options, revision })).kvs[0];
    try {
      const found = await at(this.revision);
      if (type === "put") return found !== undefined && isSame(found, kv);
      return found === undefined && (await at(this.revision - 1n)) !== undefined;
    } catch (error) {
      if (compactedRevision(error) !== undefined) return false;
      throw error;
    }
  }
}

function isSame(a: KeyValue, b: KeyValue): boolean {
  return (
    a.modRevision === b.modRevision &&
    a.createRevision === b.createRevision &&
    a.version === b.version &&
    compareBytes(a.value, b.value) === 0
  );
}
