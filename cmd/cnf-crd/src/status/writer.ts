import { createHash } from "node:crypto";
import {
  type CnfConfigurationStatus,
  computeStatus,
  conditionOf,
  isSameStatus,
  type ReportedStates,
} from "@nsmkit/agent/cnf-configuration";
import { type Clock, isCodedError } from "@nsmkit/core";
import {
  type Client,
  type EventRecorder,
  type Informer,
  type Reconcile,
  type Reconciled,
  splitKey,
} from "@nsmkit/kube";
import type { Declarations } from "../declared/declarations.ts";
import { type CnfConfigurationObject, cnfConfigurations, itemCountOf } from "../declared/resource.ts";
import { fieldManager } from "../names.ts";
import type { Outcome, Outcomes } from "../reconcile/outcomes.ts";
import { Repairs } from "../repairs.ts";
import type { StoreMirror } from "../store/mirror.ts";
import { eventsOf } from "./events.ts";
import type { Rush } from "./rush.ts";

export interface StatusWriterOptions {
  readonly client: Client;
  readonly informer: Informer<CnfConfigurationObject>;
  readonly declarations: Declarations;
  readonly outcomes: Outcomes;
  readonly mirror: StoreMirror;
  readonly events: EventRecorder;
  readonly rush: Pick<Rush, "on">;
  readonly clock: Clock;
  readonly onWrite: () => void;
}

/** An agent tells within milliseconds what became of a change; one that tells nothing is not waited for any longer. */
export const settleMs = 1_500;

/** How long words may wait for values in a rush, and how soon it is looked whether it is over. */
const longestRushMs = 5_000;
const rushLookMs = 500;

/** Writes the status of a resource when it differs from what is there. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #reported: ReportedStates;
  /** What was written last, for telling our own changes from those of others. */
  readonly #written = new Map<string, string>();
  readonly #repairs: Repairs;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#repairs = new Repairs(options.clock);
    const { mirror } = options;
    this.#reported = {
      stateOf: ({ key }) => mirror.stateOf(key)?.status,
      agentOf: (label) => mirror.agentOf(label),
    };
  }

  /** @param key `namespace/name` */
  async reconcile(key: string, { signal, logger }: Parameters<Reconcile>[1]): Promise<Reconciled | undefined> {
    const { client, informer, outcomes, events, onWrite } = this.#options;
    const object = informer.get(key);
    const outcome = outcomes.get(key);
    if (!object) {
      this.#written.delete(key);
      this.#repairs.forget(key);
    }
    // Another generation is on its way through the store and brings us here again.
    if (!object || !outcome || !isOf(outcome, object) || isOnlyAway(outcome, object)) return undefined;
    const waitMs = Math.max(this.#unsettledMs(object, outcome), this.#rushMs(outcome));
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const status = this.#compute(object, outcome);
    if (isSameStatus(object.status, status)) return undefined;
    const facts = factsOf(object, status);
    const quarrelled = this.#written.get(key) === facts;
    const pauseMs = quarrelled ? this.#repairs.delayOf(key) : 0;
    if (pauseMs > 0) return { requeueAfterMs: pauseMs };
    const { uid } = object.metadata;
    try {
      const patch = { metadata: { uid }, status };
      const written = await client.mergePatch(cnfConfigurations, splitKey(key), patch, {
        ...{ subresource: "status", fieldManager, signal },
      });
      informer.learn(written);
      onWrite();
      this.#written.set(key, facts);
      if (quarrelled) {
        this.#repairs.done(key);
        logger.warn("a status that somebody else had written was put right", { key });
      }
    } catch (error) {
      // It was deleted, perhaps made anew: what comes next has its own status.
      if (isCodedError(error, "NOT_FOUND") || isCodedError(error, "CONFLICT")) return undefined;
      throw error;
    }
    for (const event of eventsOf(object.status, status)) await events.record(object, event, { signal });
    return undefined;
  }

  #compute(object: CnfConfigurationObject, { progress, generation }: Outcome): CnfConfigurationStatus {
    const { declarations, clock } = this.#options;
    return computeStatus({
      ...{ generation, progress, reported: this.#reported, before: object.status },
      itemCount: itemCountOf(object),
      pairs: declarations.of(object).pairs,
      now: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
    });
  }

  #rushMs({ writtenMs }: Outcome): number {
    const { rush, clock } = this.#options;
    return rush.on && writtenMs > 0 && clock.monotonic() - writtenMs < longestRushMs ? rushLookMs : 0;
  }

  /** How long an agent may still need to tell what became of the values that were just written. */
  #unsettledMs(object: CnfConfigurationObject, { progress, writtenMs }: Outcome): number {
    const { declarations, mirror, clock } = this.#options;
    const leftMs = writtenMs + settleMs - clock.monotonic();
    if (progress.kind !== "stored" || writtenMs === 0 || leftMs <= 0) return 0;
    const isOld = ({ key, label }: { key: string; label: string }): boolean => {
      if (mirror.agentOf(label) !== "reporting") return false;
      return (mirror.stateOf(key)?.modRevision ?? 0n) < (mirror.valueOf(key)?.modRevision ?? 0n);
    };
    return declarations.of(object).pairs.some(isOld) ? Math.ceil(leftMs) : 0;
  }
}

/** Everything but times: equal as long as nothing has really changed. */
function factsOf({ metadata }: CnfConfigurationObject, { conditions, ...status }: CnfConfigurationStatus): string {
  const told = conditions?.map(({ lastTransitionTime: _time, ...condition }) => condition);
  return createHash("sha256")
    .update(JSON.stringify([metadata.uid, told, status]))
    .digest("base64url");
}

const isOf = (outcome: Outcome, { metadata }: CnfConfigurationObject): boolean =>
  outcome.uid === metadata.uid && outcome.generation === metadata.generation;

/** etcd cannot be reached, but this generation was in it: nothing that users would have to know has changed. */
function isOnlyAway({ progress, generation }: Outcome, { status }: CnfConfigurationObject): boolean {
  const stored = conditionOf(status, "Stored");
  return progress.kind === "waiting" && stored?.status === "True" && stored.observedGeneration === generation;
}
