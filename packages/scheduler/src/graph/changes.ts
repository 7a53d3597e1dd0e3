import type { Node } from "./node.ts";

/**
 * Logical time, so that a read of the southbound can be told to be older than a change: what changed after a read
 * began is better known than what was read.
 */
export class Changes {
  #tick = 0;
  /** Reads going on. */
  #reads = 0;
  /** When keys that were dropped during these reads last changed. */
  readonly #forgotten = new Map<string, number>();

  /** What is southbound for this node has changed, or is about to. */
  changed(node: Node): void {
    node.changedAt = ++this.#tick;
  }

  forgotten(node: Node): void {
    if (this.#reads > 0) this.#forgotten.set(node.key, node.changedAt);
  }

  /** When a key that is not in the graph last changed; 0 if no read is so old that it matters. */
  lastOf(key: string): number {
    return this.#forgotten.get(key) ?? 0;
  }

  beginRead(): { readonly since: number; end(): void } {
    this.#reads++;
    const end = (): void => {
      if (--this.#reads === 0) this.#forgotten.clear();
    };
    return { since: this.#tick, end };
  }
}
