import type { ModelRegistry } from "@nsmkit/api/model";
import type { Clock, Closable, Logger } from "@nsmkit/core";
import type { Scheduler } from "@nsmkit/scheduler";
import type { PartStatus } from "../probe.ts";
import type { Northbound } from "./northbound.ts";
import type { Change } from "./store.ts";

/** What a source builds upon. */
export interface SourceCore {
  readonly label: string;
  readonly models: ModelRegistry;
  readonly northbound: Northbound;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Where declarations come from: a store, an API. Files are one too, but always there. */
export interface AgentSource extends Closable {
  /** Name of the part in the agent's status. */
  readonly name: string;
  /**
   * What is declared now, checked together with what others declare.
   * @returns `complete` false when that is not known yet: nothing is taken down on its account
   * @param before rejects when the agent cannot start anyway
   * @throws what keeps the agent from starting
   */
  load(before: Promise<readonly Change[]>): Promise<{ changes: readonly Change[]; complete: boolean }>;
  /**
   * Begins to apply what changes. A source that could not say everything before asks `completes` when it does: true
   * when with this everything is known and the system is to be read (`resync`), so that leftovers go.
   */
  start(options: { readonly completes: () => boolean }): void;
  status(): PartStatus;
  /** Everything about it, for GET /info/sources. */
  readonly details?: object;
}
