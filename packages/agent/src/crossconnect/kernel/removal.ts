import { Deferred, isCodedError } from "@nsmkit/core";
import type { Netlink, Netns } from "@nsmkit/netlink";
import { linkDelete } from "@nsmkit/netlink";

/** Where a link can be deleted; for a veth pair either end will do. */
export interface Place {
  readonly key: string;
  readonly netns: Netns;
  readonly link: string;
}

interface Waiting {
  readonly places: readonly Place[];
  readonly done: Deferred<void>;
}

/**
 * Deletes links in groups. One deletion costs the kernel about 20 ms whatever its size (it waits for all readers), so
 * what comes in while one runs leaves with the next; of the two ends of a veth the one in the busier namespace is taken.
 */
export class RemovalQueue {
  readonly #netlink: Netlink;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Resolves when the link is gone; one that is not there any more is fine. */
  remove(places: readonly Place[]): Promise<void> {
    const done = new Deferred<void>();
    this.#waiting.push({ places, done });
    // A turn of the event loop, so that connections closed together share a group.
    if (!this.#running) {
      this.#running = true;
      setImmediate(() => void this.#run());
    }
    return done.promise;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await Promise.all(this.#groups(batch).map((group) => this.#delete(group)));
    }
    this.#running = false;
  }

  /** Every waiting link once, in the namespace where most of the batch can go together. */
  #groups(batch: readonly Waiting[]): { netns: Netns; members: { link: string; done: Deferred<void> }[] }[] {
    const load = new Map<string, number>();
    for (const { places } of batch) for (const { key } of places) load.set(key, (load.get(key) ?? 0) + 1);
    const groups = new Map<string, { netns: Netns; members: { link: string; done: Deferred<void> }[] }>();
    for (const { places, done } of batch) {
      const place = places.toSorted((a, b) => (load.get(b.key) ?? 0) - (load.get(a.key) ?? 0))[0];
      if (!place) {
        done.resolve();
        continue;
      }
      const group = groups.get(place.key) ?? { netns: place.netns, members: [] };
      group.members.push({ link: place.link, done });
      groups.set(place.key, group);
    }
    return [...groups.values()];
  }

  async #delete(group: { netns: Netns; members: { link: string; done: Deferred<void> }[] }): Promise<void> {
    try {
      const [results] = await this.#netlink.execute([
        { netns: group.netns, ops: [linkDelete(group.members.map((member) => member.link))] },
      ]);
      const result = results?.[0];
      // NOT_FOUND still means that all the others were deleted.
      if (result && !result.ok && !isCodedError(result.error, "NOT_FOUND")) throw result.error;
      for (const { done } of group.members) done.resolve();
    } catch (error) {
      for (const { done } of group.members) done.reject(error);
    }
  }
}
