import { stat } from "node:fs/promises";
import { CodedError } from "@nsmkit/core";
import type { Netlink, Netns } from "@nsmkit/netlink";

interface Entry {
  readonly opening: Promise<Netns>;
  users: number;
}

/**
 * Open network namespaces shared by the connections that use them, by nsfs inode: the paths differ for every file that
 * a peer passes, the namespace does not. Nothing stays open that no connection uses, because an open namespace outlives
 * its Pod.
 */
export class NamespacePool {
  readonly #netlink: Netlink;
  readonly #entries = new Map<string, Entry>();

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Namespaces open now: for leak checks. */
  get size(): number {
    return this.#entries.size;
  }

  /** @throws NOT_FOUND when the path is gone, INVALID_ARGUMENT when it is no network namespace */
  async acquire(path: string, options: { signal: AbortSignal }): Promise<{ key: string; netns: Netns }> {
    const file = await stat(path, { bigint: true }).catch((cause: unknown) => {
      throw new CodedError("NOT_FOUND", `network namespace ${path} is gone`, { cause });
    });
    const key = `${file.dev}:${file.ino}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { opening: this.#netlink.namespaces.open({ path }, options), users: 0 };
      this.#entries.set(key, entry);
    }
    entry.users++;
    try {
      return { key, netns: await entry.opening };
    } catch (error) {
      if (--entry.users === 0) this.#entries.delete(key);
      throw error;
    }
  }

  async release(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (!entry || --entry.users > 0) return;
    this.#entries.delete(key);
    await (await entry.opening).close();
  }
}
