import { readlinkSync } from "node:fs";
import { stat } from "node:fs/promises";
import { abortable, type Closable, CodedError, closeAll, isCodedError, throwIfAborted } from "@nsmkit/core";
import type { CallOptions, Netlink, Netns, NetnsIdentity } from "@nsmkit/netlink";

const noNetns = (path: string, cause?: unknown): CodedError =>
  new CodedError("INVALID_ARGUMENT", `${path} is no network namespace; pass a file like /proc/<pid>/ns/net`, {
    cause,
    details: { path },
  });

interface Open {
  readonly netns: Netns;
  /** Keeps the namespace's netlink socket open, which every request in it then uses. */
  readonly handle: Closable;
}

interface Entry {
  readonly opening: Promise<Open>;
  users: number;
  visited: boolean;
}

/** Finds out which file a path is, without opening it. Rejects when there is none. */
export type Identify = (path: string, nsfsDevice: number) => Promise<NetnsIdentity>;

const identifyFile: Identify = async (path, nsfsDevice) => {
  const inode = inodeOfLink(path);
  if (inode !== undefined) return { dev: nsfsDevice, ino: inode };
  // May block on the file system behind the path, so it is left to a thread.
  const { dev, ino } = await stat(path);
  return { dev, ino };
};

/** The inode of a network namespace behind a link of procfs, which the kernel tells without a look at the file. */
function inodeOfLink(path: string): number | undefined {
  if (!path.startsWith("/proc/")) return undefined;
  try {
    const [, inode] = /^net:\[(\d+)\]$/.exec(readlinkSync(path)) ?? [];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined;
  }
}

/** The text by which a namespace is known here, whatever path leads to it. */
export const keyOfNetns = ({ dev, ino }: NetnsIdentity): string => `${dev}:${ino}`;

/**
 * Open network namespaces shared by the connections that use them: the paths differ for every file that a peer passes,
 * the namespace does not. Nothing stays open that no connection uses, because an open namespace outlives its Pod.
 */
export class NamespacePool {
  readonly #netlink: Netlink;
  readonly #identify: Identify;
  readonly #entries = new Map<string, Entry>();

  constructor(netlink: Netlink, identify: Identify = identifyFile) {
    this.#netlink = netlink;
    this.#identify = identify;
  }

  /** Namespaces open now: for leak checks. */
  get size(): number {
    return this.#entries.size;
  }

  /** @throws NOT_FOUND when the path is gone, INVALID_ARGUMENT when it is no network namespace */
  async acquire(path: string, options: CallOptions): Promise<{ key: string; netns: Netns }> {
    throwIfAborted(options.signal, `opening network namespace ${path}`);
    // All nsfs files have one device. A path comes from a peer: opening a pipe or a device would block or do worse.
    const { dev } = this.#netlink.namespaces.current.identity;
    const identity = await this.#identify(path, dev).catch((cause: unknown) => {
      throw new CodedError("NOT_FOUND", `network namespace ${path} is gone`, { cause, details: { path } });
    });
    if (identity.dev !== dev) throw noNetns(path);
    const key = keyOfNetns(identity);
    const entry = this.#entries.get(key) ?? { opening: this.#open(path, key), users: 0, visited: false };
    this.#entries.set(key, entry);
    entry.users++;
    try {
      const { netns } = await abortable(entry.opening, options.signal, `opening network namespace ${path}`);
      return { key, netns };
    } catch (error) {
      await this.#leave(key, entry);
      throw error;
    }
  }

  /** True once for each namespace that is open. */
  firstVisit(key: string): boolean {
    const entry = this.#entries.get(key);
    if (!entry || entry.visited) return false;
    entry.visited = true;
    return true;
  }

  /** To be called once per `acquire`. The namespace is closed after the last one. */
  async release(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry) await this.#leave(key, entry);
  }

  async #open(path: string, key: string): Promise<Open> {
    const netns = await this.#netlink.namespaces.open({ path }).catch((error: unknown) => {
      // A namespace, but of another kind.
      throw isCodedError(error) && error.details.errno === "EINVAL" ? noNetns(path, error) : error;
    });
    if (keyOfNetns(netns.identity) === key) return { netns, handle: this.#netlink.handle(netns) };
    await netns.close();
    throw new CodedError("NOT_FOUND", `network namespace ${path} became another one while it was opened`, {
      retryable: true,
      details: { path },
    });
  }

  async #leave(key: string, entry: Entry): Promise<void> {
    if (--entry.users > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    const open = await entry.opening.catch(() => undefined);
    if (open) await closeAll([open.netns, open.handle]);
  }
}
