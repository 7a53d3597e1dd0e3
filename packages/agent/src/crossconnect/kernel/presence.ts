import { type Clock, type Logger, silentLogger, systemClock, type Timer } from "@nsmkit/core";
import { type LivingNamespaces, machineNamespaces } from "./living.ts";

interface Watched {
  readonly gone: Set<() => void>;
  /** Looks that did not find it anywhere, while it was never seen. */
  missed: number;
  /** Where the namespace was last seen; undefined until then. */
  path: string | undefined;
}

/** Namespaces looked at before other work of the event loop gets its turn. */
const looksPerTurn = 250;
/** A namespace must be seen once before it can be missed, and a Pod may end soon after it came: ms to the first look. */
const firstLookMs = 50;
/** A namespace that so many looks have not found may be hidden from us for good: one look in twenty goes on searching. */
const missesBeforePatience = 3;
const patience = 20;
/** Looks take no more than this part of the time, however many namespaces and processes there are. */
const lookShare = 0.05;

export interface PresenceWatchOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** ms between looks; default 200. */
  readonly intervalMs?: number;
  /** Default: this machine's. */
  readonly living?: LivingNamespaces;
}

/**
 * Tells when a Pod is gone. A namespace stays while we hold it open, so the kernel will not say; but one that had a
 * process and has none and no name any more is nobody's. A look costs one stat per namespace, and only when a
 * namespace is not where it was, one walk through /proc.
 */
export class PresenceWatch {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #living: LivingNamespaces;
  readonly #logger: Logger;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;
  #dueMs = 0;
  #lookMs = 0;
  #looking = false;
  /** Namespaces came that no look has met. */
  #fresh = false;
  #closed = false;

  constructor(options: PresenceWatchOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#intervalMs = options.intervalMs ?? 200;
    this.#living = options.living ?? machineNamespaces;
  }

  /** Namespaces watched now: for leak checks. */
  get size(): number {
    return this.#watched.size;
  }

  /**
   * Calls `gone` once when the namespace `dev:ino` has been left. One in which nobody was ever seen counts as present:
   * its processes may be hidden from us.
   * @returns stops watching
   */
  watch(key: string, gone: () => void): () => void {
    const known = this.#watched.get(key);
    const entry = known ?? { gone: new Set(), missed: 0, path: undefined };
    entry.gone.add(gone);
    this.#watched.set(key, entry);
    this.#fresh ||= known === undefined;
    this.#arm();
    return () => {
      entry.gone.delete(gone);
      if (entry.gone.size === 0 && this.#watched.get(key) === entry) this.#watched.delete(key);
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watched.clear();
  }

  /** Sees to it that the next look comes in time, but no sooner than looks may be. */
  #arm(): void {
    if (this.#looking || this.#closed || this.#watched.size === 0) return;
    const now = this.#clock.monotonic();
    const wantedMs = this.#fresh ? Math.min(firstLookMs, this.#intervalMs) : this.#intervalMs;
    const dueMs = now + Math.max(wantedMs, this.#lookMs / lookShare);
    if (this.#timer) {
      if (this.#dueMs <= dueMs) return;
      this.#timer.cancel();
    }
    this.#dueMs = dueMs;
    this.#timer = this.#clock.after(dueMs - now, () => {
      this.#timer = undefined;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#fresh = false;
    const startMs = this.#clock.monotonic();
    try {
      const doubtful = await this.#notWhereTheyWere();
      if (doubtful.length > 0) {
        const living = await this.#living.list();
        for (const [key, entry] of doubtful) this.#update(key, entry, living.get(key));
      }
    } catch (error) {
      this.#logger.warn("could not look for living namespaces", { error });
    }
    this.#lookMs = this.#clock.monotonic() - startMs;
    this.#looking = false;
    this.#arm();
  }

  async #notWhereTheyWere(): Promise<[string, Watched][]> {
    const doubtful: [string, Watched][] = [];
    let looks = 0;
    for (const [key, entry] of [...this.#watched]) {
      if (++looks % looksPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      if (entry.path === undefined ? isSearchedFor(entry) : !this.#living.isAt(entry.path, key)) {
        doubtful.push([key, entry]);
      }
    }
    return doubtful;
  }

  #update(key: string, entry: Watched, path: string | undefined): void {
    const seenBefore = entry.path !== undefined;
    if (path !== undefined) entry.path = path;
    if (path !== undefined || !seenBefore || this.#watched.get(key) !== entry) return;
    this.#watched.delete(key);
    for (const gone of entry.gone) gone();
  }
}

function isSearchedFor(entry: Watched): boolean {
  entry.missed++;
  return entry.missed <= missesBeforePatience || entry.missed % patience === 0;
}
