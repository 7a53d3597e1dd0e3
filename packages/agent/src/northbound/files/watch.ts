import { type FSWatcher, watch } from "node:fs";
import type { Clock, Logger, Timer } from "@nsmkit/core";

export interface WatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Quiet time after an event before anyone is told, ms; default 30. Editors and mounts change a file in several steps. */
  readonly settleMs?: number;
  /** Longest time after which somebody looks again without an event, ms; default 2000. */
  readonly pollMs?: number;
}

/**
 * Tells that something may have changed below some directories. Events only make it quicker: where they cannot be had
 * (the directory is not there yet, no more inotify instances), `changed` is called at every poll.
 */
export class DirectoryWatch {
  readonly #options: Required<WatchOptions>;
  readonly #changed: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #directories: readonly string[];
  #settling: Timer | undefined;
  #poll: Timer | undefined;
  #closed = false;

  constructor(directories: readonly string[], changed: () => void, options: WatchOptions) {
    this.#directories = [...new Set(directories)];
    this.#changed = changed;
    this.#options = { settleMs: 30, pollMs: 2000, ...options };
  }

  start(): void {
    this.#watchAll();
    this.#armPoll();
  }

  close(): void {
    this.#closed = true;
    this.#settling?.cancel();
    this.#poll?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #armPoll(): void {
    this.#poll = this.#options.clock.after(this.#options.pollMs, () => {
      this.#watchAll();
      this.#changed();
      if (!this.#closed) this.#armPoll();
    });
  }

  #watchAll(): void {
    for (const directory of this.#directories) if (!this.#watchers.has(directory)) this.#watch(directory);
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#event());
      watcher.on("error", () => this.#forget(directory, watcher));
      // A directory that is deleted and made again is another one; the poll finds it.
      watcher.on("close", () => this.#forget(directory, watcher));
      this.#watchers.set(directory, watcher);
    } catch (error) {
      this.#options.logger.debug("no events for a directory, polling it", { directory, error });
    }
  }

  #forget(directory: string, watcher: FSWatcher): void {
    if (this.#watchers.get(directory) === watcher) this.#watchers.delete(directory);
    watcher.close();
  }

  #event(): void {
    if (this.#closed || this.#settling) return;
    this.#settling = this.#options.clock.after(this.#options.settleMs, () => {
      this.#settling = undefined;
      this.#changed();
    });
  }
}
