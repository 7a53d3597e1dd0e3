import { type Clock, systemClock } from "@nsmkit/core";
import { type Client, type EventRecorder, objectKey, splitKey } from "@nsmkit/kube";
import { nameOf } from "../inventory/kinds.ts";
import { fieldManager } from "../inventory/ownership.ts";
import type { Pass } from "../reconcile/context.ts";
import { conditionsAfter, type Findings, isWarning, transitions } from "./conditions.ts";
import type { Meshes } from "./meshes.ts";
import { type MeshStatus, mergePatchOf, type Nsm, nsms } from "./status.ts";

type Call = { readonly signal: AbortSignal };

/** Writes a mesh's status when it differs, and an event of every change that people should notice. */
export class StatusWriter {
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #meshes: Meshes;
  readonly #clock: Clock;

  constructor(options: { client: Client; events: EventRecorder; meshes: Meshes; clock?: Clock }) {
    this.#client = options.client;
    this.#events = options.events;
    this.#meshes = options.meshes;
    this.#clock = options.clock ?? systemClock;
  }

  /** @returns the resource as it is afterwards */
  async write(nsm: Nsm, status: MeshStatus, { signal }: Call): Promise<Nsm> {
    const patch = mergePatchOf(nsm.status ?? {}, status);
    if (patch === undefined) return nsm;
    const at = splitKey(objectKey(nsm));
    const written = await this.#client.mergePatch<Nsm>(
      nsms,
      at,
      { status: patch },
      { subresource: "status", fieldManager, signal },
    );
    this.#meshes.learn(written);
    return written;
  }

  /** Writes the status with the conditions that follow from the findings, and tells of those that changed. */
  async conclude(nsm: Nsm, status: MeshStatus, findings: Findings, call: Call): Promise<Nsm> {
    const before = nsm.status ?? {};
    const generation = nsm.metadata.generation ?? 0;
    const now = new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const conditions = conditionsAfter(before, findings, generation, now);
    const written = await this.write(nsm, { ...status, observedGeneration: generation, conditions }, call);
    for (const condition of transitions(before, { conditions })) {
      const type = isWarning(condition) ? "Warning" : "Normal";
      await this.tell(
        nsm,
        type,
        condition.reason,
        `${condition.type} is ${condition.status}: ${condition.message}`,
        call,
      );
    }
    return written;
  }

  /** One event for each object that was changed, and none for the many that an install makes. */
  async tellDeeds(pass: Pass): Promise<void> {
    const made = pass.deeds.filter((deed) => deed.verb === "created");
    const others = pass.deeds.filter((deed) => deed.verb !== "created");
    if (made.length > 0) {
      const names = made.map((deed) => nameOf(deed.object)).join(", ");
      await this.tell(pass.nsm, "Normal", "Created", names, pass);
    }
    for (const { verb, object, because } of others) {
      const reason = { updated: "Updated", recreated: "Recreated", removed: "Removed", created: "Created" }[verb];
      await this.tell(pass.nsm, "Normal", reason, `${nameOf(object)}: ${because}`, pass);
    }
  }

  async tell(nsm: Nsm, type: "Normal" | "Warning", reason: string, note: string, call: Call): Promise<void> {
    await this.#events.record(nsm, { type, reason, action: "Reconcile", note }, call);
  }
}
