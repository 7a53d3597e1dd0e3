import { type Clock, systemClock } from "@nsmkit/core";
import type { Client, Reconciled } from "@nsmkit/kube";
import type { MeshCertificates } from "../certificates/mesh-certificates.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { nameOf } from "../inventory/kinds.ts";
import type { MeshPhase } from "../mesh/port.ts";
import { afterStep } from "../migrations/after-step.ts";
import { policiesFor } from "../migrations/policies.ts";
import { type MeshStatus, type Past, withHistory } from "../status/status.ts";
import { type Change, changeOf, placesOf } from "./change.ts";
import { conclude, timeText } from "./conclude.ts";
import type { Decision } from "./decide.ts";
import type { Objects } from "./objects.ts";
import type { MeshPass } from "./pass.ts";
import { planOf } from "./plan.ts";
import { prune } from "./prune.ts";
import { rollOut } from "./roll-out.ts";

export interface MaintainerOptions {
  readonly client: Client;
  readonly inventory: Inventory;
  readonly objects: Objects;
  readonly certificates: MeshCertificates;
  /** How long a phase may take. */
  readonly progressDeadlineMs: number;
  readonly clock?: Clock;
}

/** While something is waited for, it is looked at again even without an event. */
const waitingMs = 5_000;
/** While something is ill that nothing here can heal. */
const illMs = 60_000;

/** Brings a mesh to its wanted state, and keeps it there. */
export class Maintainer {
  readonly #options: MaintainerOptions;
  readonly #clock: Clock;

  constructor(options: MaintainerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async run(pass: MeshPass, decision: Decision): Promise<Reconciled> {
    const { client, certificates, inventory, objects } = this.#options;
    const { wanted, step } = decision;
    const before = pass.nsm.status ?? {};
    const change = await this.#begin(pass, decision);
    await inventory.coverPlaces(before.places ?? [], pass);
    const kept = await certificates.provide(pass, wanted.certificates);
    const phases = wanted.build(step.version, kept.certificates, change.options);
    const secrets = kept.authorities.map(nameOf);
    await this.#write(pass, decision, change, phases, secrets);
    for (const authority of kept.authorities) await objects.ensure(pass, authority);
    const { gated } = change;
    const { imageAdvice } = wanted;
    const result = await rollOut(pass, { objects, inventory }, phases, { gated, version: step.version, imageAdvice });
    if (!result.waiting) {
      await prune(pass, { objects, inventory }, new Set([...result.wanted, ...secrets]));
      const namespaces = new Set((pass.nsm.status?.places ?? []).map((place) => place.split(" ")[1] ?? ""));
      await afterStep(pass, { client, inventory }, step, namespaces);
    }
    const time = { nowMs: this.#clock.now(), deadlineMs: this.#options.progressDeadlineMs };
    const done = conclude(pass.nsm.status ?? {}, { phases, result, decision, change }, time);
    await pass.conclude(done.status, done.findings);
    for (const one of done.past) await tellPast(pass, one);
    const now = done.status;
    if (now.currentVersion !== before.currentVersion || now.upgrade?.state !== step.upgrade?.state)
      return { requeueAfterMs: 0 };
    if (result.waiting || result.problems.length > 0) return { requeueAfterMs: waitingMs };
    const ill = [...result.health.values()].some((health) => !health.available);
    return { requeueAfterMs: ill ? illMs : kept.renewInMs };
  }

  /** The change that this pass is about; at its beginning it is asked whether older endpoints are still there. */
  async #begin(pass: MeshPass, decision: Decision): Promise<Change & { readonly policies: MeshStatus["policies"] }> {
    const before = pass.nsm.status ?? {};
    const change = changeOf(before, decision, before.policies !== undefined);
    if (!change.starting) return { ...change, policies: before.policies };
    const policies = await policiesFor(pass, { client: this.#options.client, now: this.#now }, decision);
    const again = changeOf(before, decision, policies !== undefined);
    return { ...again, starting: true, policies };
  }

  /**
   * Writes what must be known before the first object is touched: where a removal has to look, to which spec repairs go
   * back, that no older SPIRE may follow a newer one, and the plan.
   */
  async #write(
    pass: MeshPass,
    { accepted, step }: Decision,
    { starting, gated, digest, options, policies }: Change & { readonly policies: MeshStatus["policies"] },
    phases: readonly MeshPhase[],
    secrets: readonly string[],
  ): Promise<void> {
    const before = pass.nsm.status ?? {};
    const places = [...new Set([...(before.places ?? []), ...placesOf(phases)])].sort();
    const { policies: _, ...rest } = before;
    let status: MeshStatus = { ...rest, places, accepted, ...(policies ? { policies } : {}) };
    if (options.identityRelease !== undefined) status = { ...status, identityRelease: options.identityRelease };
    if (starting && gated) {
      status = {
        ...givenUp(status, step.upgrade !== undefined, this.#now),
        plan: planOf(pass, this.#options.inventory, phases, step, secrets),
        change: { digest, startedAt: this.#now },
        ...(step.upgrade ? { upgrade: step.upgrade, targetVersion: step.upgrade.target } : {}),
      };
    }
    await pass.write(status);
    const steps = status.plan?.map((one) => one.step).join("; ") ?? "";
    if (starting && gated && steps !== "") await pass.tell("Normal", "Planned", steps);
  }

  get #now(): string {
    return timeText(this.#clock.now());
  }
}

/** An upgrade that somebody thought better of before it was in place. */
function givenUp(status: MeshStatus, upgrading: boolean, now: string): MeshStatus {
  const { upgrade, targetVersion: _, ...rest } = status;
  if (upgrading || upgrade?.state !== "Running") return status;
  const { from, to } = upgrade;
  const message = `the upgrade from ${from} to ${to} was taken back`;
  const startedAt = status.change?.startedAt;
  const past = { finishedAt: now, version: from, result: "Failed", message } as const;
  return withHistory(rest, startedAt === undefined ? past : { startedAt, ...past });
}

async function tellPast(pass: MeshPass, { result, message }: Past): Promise<void> {
  if (result === "RolledBack") return pass.tell("Warning", "RolledBack", message);
  await pass.tell("Normal", message.startsWith("upgraded") ? "Upgraded" : "Installed", message);
}
