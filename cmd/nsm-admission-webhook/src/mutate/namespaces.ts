import { abortable, type Clock, type Logger, messageOf } from "@nsmkit/core";
import type { Client, KubeObject, Resource } from "@nsmkit/kube";

const resource: Resource<KubeObject> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  namespaced: false,
};

export interface NamespacesOptions {
  readonly client: Pick<Client, "find">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a namespace says is believed for so long, ms: Pods of a rollout come in crowds. */
const keptMs = 2_000;
/** The API server waits for us meanwhile, and asks itself less patiently. */
const answerMs = 1_000;
const most = 1_000;

interface Kept {
  readonly untilMs: number;
  readonly answer: Promise<KubeObject | undefined>;
}

/** Namespaces as they are now. */
export class Namespaces {
  readonly #options: NamespacesOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: NamespacesOptions) {
    this.#options = options;
  }

  /** @returns undefined if there is none, or it cannot be read now */
  get(name: string, { signal }: { signal: AbortSignal }): Promise<KubeObject | undefined> {
    const nowMs = this.#options.clock.monotonic();
    const kept = this.#kept.get(name);
    if (kept && kept.untilMs > nowMs) return abortable(kept.answer, signal, "waiting for the namespace");
    if (this.#kept.size >= most) this.#kept.clear();
    const answer = this.#read(name);
    this.#kept.set(name, { untilMs: nowMs + keptMs, answer });
    return abortable(answer, signal, "waiting for the namespace");
  }

  async #read(name: string): Promise<KubeObject | undefined> {
    const { client, logger } = this.#options;
    try {
      return await client.find(resource, { name }, { signal: AbortSignal.timeout(answerMs) });
    } catch (error) {
      this.#kept.delete(name);
      logger.warn("a namespace cannot be read; only what its Pods say themselves counts", {
        namespace: name,
        reason: messageOf(error),
      });
      return undefined;
    }
  }
}
