import { readdir, readFile, stat } from "node:fs/promises";
import { type Clock, type Logger, silentLogger, systemClock, type Timer } from "@nsmkit/core";

/** Which network namespaces have a process in them or a name, as `dev:ino`. Our own open files do not count. */
export async function livingNamespaces(): Promise<ReadonlySet<string>> {
  const living = new Set<string>();
  const add = async (path: string): Promise<void> => {
    try {
      const file = await stat(path, { bigint: true });
      living.add(`${file.dev}:${file.ino}`);
    } catch {
      // The process ended or is not ours to look at: it says nothing about a namespace.
    }
  };
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  await Promise.all(pids.map((pid) => add(`/proc/${pid}/ns/net`)));
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  // Field 5 is the mount point, the word after the lone dash the type (proc(5)); octal escapes as in fstab.
  const named = mounts.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    return fields[fields.indexOf("-") + 1] === "nsfs" && fields[4] ? [fields[4]] : [];
  });
  await Promise.all(
    named.map((path) => add(path.replace(/\\([0-7]{3})/g, (_, o) => String.fromCharCode(parseInt(o, 8))))),
  );
  return living;
}

/**
 * Tells when a Pod is gone. A namespace stays while we hold it open, so the kernel will not say; but one that had a
 * process and has none and no name any more is nobody's. One look at /proc per interval, however many connections.
 */
export class PresenceWatch {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #living: () => Promise<ReadonlySet<string>>;
  readonly #logger: Logger;
  readonly #watched = new Map<string, { seen: boolean; gone: Set<() => void> }>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: {
    clock?: Clock;
    logger?: Logger;
    /** ms between looks; default 1000. */
    intervalMs?: number;
    living?: () => Promise<ReadonlySet<string>>;
  }) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#intervalMs = options.intervalMs ?? 1000;
    this.#living = options.living ?? livingNamespaces;
  }

  /** Calls `gone` once when the namespace `dev:ino` has been left. @returns stops watching */
  watch(key: string, gone: () => void): () => void {
    const entry = this.#watched.get(key) ?? { seen: false, gone: new Set() };
    entry.gone.add(gone);
    this.#watched.set(key, entry);
    this.#arm();
    return () => {
      entry.gone.delete(gone);
      if (entry.gone.size === 0) this.#watched.delete(key);
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watched.clear();
  }

  #arm(): void {
    if (this.#timer || this.#closed) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    try {
      const living = await this.#living();
      for (const [key, entry] of this.#watched) {
        if (living.has(key)) entry.seen = true;
        else if (entry.seen) {
          this.#watched.delete(key);
          for (const gone of entry.gone) gone();
        }
      }
    } catch (error) {
      this.#logger.warn("could not look for living namespaces", { error });
    }
    this.#timer = undefined;
    if (this.#watched.size > 0) this.#arm();
  }
}
