import { type CodedError, Deferred, isCodedError } from "@nsmkit/core";
import { linkDelete, type Netlink, type Netns } from "@nsmkit/netlink";

/** Where a link can be deleted. */
export interface Place {
  /** Identity of the namespace. */
  readonly key: string;
  readonly netns: Netns;
  /** Index of the link: it stays when somebody renames it, and the name may be another link's by now. */
  readonly index: number;
}

interface Waiting {
  /** The ends of one link: with either the other goes too. */
  readonly places: readonly Place[];
  readonly done: Deferred<void>;
}

interface Member {
  readonly place: Place;
  readonly waiting: Waiting;
}

/**
 * Deletes links in groups. One deletion costs the kernel about 20 ms whatever its size (it waits for all readers), so
 * what comes in while one runs leaves with the next; of the two ends of a veth the one in the busier namespace is taken.
 */
export class RemovalQueue {
  readonly #netlink: Netlink;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Resolves when the link is gone; one that is not there any more is fine. @param places of one link, in any order */
  remove(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return Promise.resolve();
    const done = new Deferred<void>();
    this.#waiting.push({ places, done });
    this.#running ??= this.#run();
    return done.promise;
  }

  /** Resolves when nothing is being removed. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    // A turn of the event loop, so that connections closed together share a group.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await Promise.all(groups(batch).map((group) => this.#delete(group)));
    }
    this.#running = undefined;
  }

  async #delete(group: readonly Member[]): Promise<void> {
    const netns = group[0]?.place.netns;
    try {
      const [results] = await this.#netlink.execute([
        { ...(netns ? { netns } : {}), ops: [linkDelete(group.map(({ place }) => place.index))] },
      ]);
      const result = results?.[0];
      this.#settle(group, result === undefined || result.ok ? undefined : result.error);
    } catch (error) {
      for (const { waiting } of group) waiting.done.reject(error);
    }
  }

  #settle(group: readonly Member[], error: CodedError | undefined): void {
    // NOT_FOUND still means that all the others were deleted.
    const missing = isCodedError(error, "NOT_FOUND") ? new Set(toList(error.details.missing)) : undefined;
    for (const { place, waiting } of group) {
      const others = waiting.places.filter((other) => other !== place);
      if (error === undefined || (missing && !missing.has(place.index))) waiting.done.resolve();
      else if (!missing) waiting.done.reject(error);
      // This end was moved away by somebody, or the link is gone: the other end tells.
      else if (others.length > 0) this.#waiting.push({ places: others, done: waiting.done });
      else waiting.done.resolve();
    }
  }
}

const toList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Every waiting link once, in the namespace where most of the batch can go together. */
function groups(batch: readonly Waiting[]): Member[][] {
  const load = new Map<string, number>();
  for (const { places } of batch) for (const { key } of places) load.set(key, (load.get(key) ?? 0) + 1);
  const byKey = new Map<string, Member[]>();
  for (const waiting of batch) {
    const [place] = waiting.places.toSorted((a, b) => (load.get(b.key) ?? 0) - (load.get(a.key) ?? 0));
    if (!place) continue;
    const group = byKey.get(place.key) ?? [];
    group.push({ place, waiting });
    byKey.set(place.key, group);
  }
  return [...byKey.values()];
}
