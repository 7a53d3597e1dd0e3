import { type Clock, type Logger, messageOf } from "@nsmkit/core";
import type { KubeClient } from "@nsmkit/kube";
import type { ClusterFacts } from "@nsmkit/mesh";
import { lookAtCluster } from "./detect.ts";

/** How often a leader looks again: what is looked at changes when nodes come with addresses of a new part of the network. */
export const lookAgainMs = 3_600_000;

/**
 * Rights that were given just now take a while to be known, so what is forbidden is asked for again soon, and then as rarely
 * as all else.
 */
const soonMs = [10_000, 60_000, 600_000] as const;

/** What is known of the cluster, for everybody who builds meshes for it. */
export class PlatformKeeper {
  readonly #client: Pick<KubeClient, "raw">;
  readonly #logger: Logger;
  #facts: ClusterFacts = {};
  #forbidden: readonly string[] = [];

  constructor(client: Pick<KubeClient, "raw">, { logger }: { logger: Logger }) {
    this.#client = client;
    this.#logger = logger;
  }

  get facts(): ClusterFacts {
    return this.#facts;
  }

  /**
   * The first look, before anything is built by it. Roles that were applied together with this program may not be known
   * to the API server yet, so what is forbidden is asked for once more.
   */
  async begin(clock: Clock, { signal }: { signal: AbortSignal }): Promise<void> {
    await this.look({ signal });
    if (this.#forbidden.length === 0) return;
    await clock.sleep(2_000, { signal });
    await this.look({ signal });
  }

  /** @returns whether something is known now that was not, or otherwise */
  async look({ signal }: { signal: AbortSignal }): Promise<boolean> {
    const { facts, forbidden } = await lookAtCluster(this.#client, { signal });
    if (forbidden.length > 0 && forbidden.join() !== this.#forbidden.join()) {
      this.#logger.warn("something about the cluster may not be read; NSM resources can say it in spec.platform", {
        forbidden,
      });
    }
    this.#forbidden = forbidden;
    if (written(facts) === written(this.#facts)) return false;
    this.#facts = facts;
    this.#logger.info("cluster", { ...facts, podSecurity: undefined });
    return true;
  }

  /**
   * Looks now and once an hour until the signal is cancelled. A look that fails changes nothing, and is done again soon.
   * @param onChange when something is known otherwise
   */
  async run(clock: Clock, onChange: () => void, { signal }: { signal: AbortSignal }): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      let complete = false;
      try {
        if (await this.look({ signal })) onChange();
        complete = this.#forbidden.length === 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn("the cluster's kind cannot be looked at, what was known stays", { reason: messageOf(error) });
      }
      const delayMs = complete ? lookAgainMs : (soonMs[attempt] ?? lookAgainMs);
      await clock.sleep(delayMs, { signal }).catch(() => {});
    }
  }
}

const written = ({ podSecurity, ...facts }: ClusterFacts): string =>
  JSON.stringify([facts, podSecurity instanceof Map ? [...podSecurity] : podSecurity]);
