import type { Graph } from "./graph/graph.ts";
import { baseStatusOf } from "./status.ts";
import type { BaseValueStatus } from "./value.ts";

interface Watcher {
  readonly selects: ((key: string) => boolean) | undefined;
  /** Base keys that changed and were not handed out since, in order of change. */
  readonly changed: Set<string>;
  wake: (() => void) | undefined;
}

/** Hands status changes to readers. A reader that is slow gets the latest status per key, however late. */
export class StatusWatchers {
  readonly #graph: Graph;
  readonly #watchers = new Set<Watcher>();
  #closed = false;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  changed(baseKey: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.selects && !watcher.selects(baseKey)) continue;
      watcher.changed.add(baseKey);
      watcher.wake?.();
    }
  }

  /** Registers at once, so that nothing that happens before the first read is missed. */
  watch(
    selects: ((key: string) => boolean) | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<BaseValueStatus> {
    const watcher: Watcher = { selects, changed: new Set(), wake: undefined };
    this.#watchers.add(watcher);
    const stop = (): void => {
      this.#watchers.delete(watcher);
      watcher.wake?.();
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
    return this.#read(watcher, () => {
      signal?.removeEventListener("abort", stop);
      stop();
    });
  }

  async *#read(watcher: Watcher, stop: () => void): AsyncGenerator<BaseValueStatus> {
    try {
      while (this.#watchers.has(watcher) && !this.#closed) {
        const next = watcher.changed.values().next();
        if (!next.done) {
          watcher.changed.delete(next.value);
          yield this.#statusOf(next.value);
          continue;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        watcher.wake = resolve;
        await promise;
        watcher.wake = undefined;
      }
    } finally {
      stop();
    }
  }

  #statusOf(key: string): BaseValueStatus {
    const node = this.#graph.get(key);
    if (!node || node.state === "NONEXISTENT") return { value: { key, state: "REMOVED" } };
    return baseStatusOf(node);
  }

  close(): void {
    this.#closed = true;
    for (const watcher of this.#watchers) watcher.wake?.();
    this.#watchers.clear();
  }
}
