import type { Clock } from "@nsmkit/core";
import { type Client, isExpired } from "@nsmkit/kube";

/** A connection that nobody answers fails within this time, ms; a watch that stands longer was let in. */
const answeredMs = 12_000;

/**
 * Whether what the cache holds is what there is. While the API server is away nobody can know which leases were
 * renewed, so none may be called expired.
 */
export class Freshness {
  readonly #clock: Clock;
  #fresh = false;
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFresh(): boolean {
    return this.#fresh;
  }

  /** Since when, wall-clock ms. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** The verbs of a cache, observed. */
  observe(client: Pick<Client, "list" | "watch">): Pick<Client, "list" | "watch"> {
    const seen = (): void => this.#seen();
    const lost = (): void => {
      this.#fresh = false;
    };
    const clock = this.#clock;
    return {
      async list(resource, options) {
        try {
          const list = await client.list(resource, options);
          seen();
          return list;
        } catch (error) {
          lost();
          throw error;
        }
      },
      async *watch(resource, options) {
        const stands = clock.after(answeredMs, seen);
        try {
          for await (const event of client.watch(resource, options)) {
            seen();
            yield event;
          }
        } catch (error) {
          if (!isExpired(error)) lost();
          throw error;
        } finally {
          stands.cancel();
        }
      },
    };
  }

  #seen(): void {
    if (this.#fresh) return;
    this.#fresh = true;
    this.#sinceMs = this.#clock.now();
  }
}
