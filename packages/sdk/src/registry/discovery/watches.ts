import type { Clock, Logger, Timer } from "@nsmkit/core";
import type { Handler } from "../../chain/index.ts";
import type { EntryRules, RegistryKind } from "../core/kinds.ts";
import { EntryWatch } from "./entry-watch.ts";

export interface WatchesOptions<K extends RegistryKind> {
  readonly rules: EntryRules<K>;
  readonly registry: Handler<K>;
  readonly pattern: (key: string) => K["request"];
  readonly clock: Clock;
  readonly logger: Logger;
  /** A watch that nobody has used in this time ends, ms. */
  readonly idleMs: number;
}

interface Used<K extends RegistryKind> {
  readonly watch: EntryWatch<K>;
  readonly over: Promise<void>;
  usedMs: number;
}

/** Watches by key, started when first asked for. */
export class Watches<K extends RegistryKind> {
  readonly #options: WatchesOptions<K>;
  readonly #watches = new Map<string, Used<K>>();
  #sweep: Timer | undefined;

  constructor(options: WatchesOptions<K>) {
    this.#options = options;
  }

  get size(): number {
    return this.#watches.size;
  }

  of(key: string): EntryWatch<K> {
    const usedMs = this.#options.clock.monotonic();
    const known = this.#watches.get(key);
    if (known) {
      known.usedMs = usedMs;
      return known.watch;
    }
    const watch = new EntryWatch<K>({ ...this.#options, pattern: this.#options.pattern(key) });
    this.#watches.set(key, { watch, over: watch.run(), usedMs });
    this.#sweepLater();
    return watch;
  }

  /** The entry of this name in any of the copies. */
  named(name: string, accept: (entry: K["request"]) => boolean): K["request"] | undefined {
    for (const { watch } of this.#watches.values()) {
      const entry = watch.get(name);
      if (entry && accept(entry)) return entry;
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#sweep?.cancel();
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const { watch } of watches) watch.stop();
    await Promise.all(watches.map(({ over }) => over));
  }

  #sweepLater(): void {
    const { clock, idleMs } = this.#options;
    this.#sweep ??= clock.after(idleMs, () => {
      this.#sweep = undefined;
      for (const [key, { watch, usedMs }] of this.#watches) {
        if (watch.hasListeners || clock.monotonic() - usedMs < idleMs) continue;
        this.#watches.delete(key);
        watch.stop();
      }
      if (this.#watches.size > 0) this.#sweepLater();
    });
  }
}
