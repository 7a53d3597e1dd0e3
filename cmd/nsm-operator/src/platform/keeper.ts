import { type Clock, type Logger, messageOf } from "@nsmkit/core";
import type { KubeClient } from "@nsmkit/kube";
import type { ClusterFacts } from "@nsmkit/mesh";
import { clusterFacts } from "./detect.ts";

/** How often a leader looks again: what is looked at changes when nodes come with addresses of a new part of the network. */
export const lookAgainMs = 3_600_000;

/** What is known of the cluster, for everybody who builds meshes for it. */
export class PlatformKeeper {
  readonly #client: Pick<KubeClient, "raw">;
  readonly #logger: Logger;
  #facts: ClusterFacts = {};

  constructor(client: Pick<KubeClient, "raw">, { logger }: { logger: Logger }) {
    this.#client = client;
    this.#logger = logger;
  }

  get facts(): ClusterFacts {
    return this.#facts;
  }

  /** @returns whether something is known now that was not, or otherwise */
  async look({ signal }: { signal: AbortSignal }): Promise<boolean> {
    const facts = await clusterFacts(this.#client, { signal });
    if (written(facts) === written(this.#facts)) return false;
    this.#facts = facts;
    this.#logger.info("cluster", { ...facts, podSecurity: undefined });
    return true;
  }

  /**
   * Looks now and once an hour until the signal is cancelled. A look that fails changes nothing.
   * @param onChange when something is known otherwise
   */
  async run(clock: Clock, onChange: () => void, { signal }: { signal: AbortSignal }): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await this.look({ signal })) onChange();
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn("the cluster's kind cannot be looked at, what was known stays", { reason: messageOf(error) });
      }
      await clock.sleep(lookAgainMs, { signal }).catch(() => {});
    }
  }
}

const written = ({ podSecurity, ...facts }: ClusterFacts): string =>
  JSON.stringify([facts, podSecurity instanceof Map ? [...podSecurity] : podSecurity]);
