import { createHash } from "node:crypto";
import { type Clock, CodedError, isCodedError, type Logger, systemClock } from "@nsmkit/core";
import { type Client, objectKey, type Reconcile, type Reconciled, splitKey } from "@nsmkit/kube";
import type { MeshCertificates } from "../certificates/mesh-certificates.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { finalizer, meshLabelValue } from "../mesh/marks.ts";
import type { MeshPhase, MeshPort, WantedMesh } from "../mesh/port.ts";
import type { Findings } from "../status/conditions.ts";
import type { Meshes } from "../status/meshes.ts";
import { hasFinalizer, type MeshStatus, type Nsm, nsms, withHistory } from "../status/status.ts";
import type { StatusWriter } from "../status/writer.ts";
import type { Deed, Pass } from "./context.ts";
import { findingsOf, findingsOfError } from "./findings.ts";
import { Objects } from "./objects.ts";
import { prune } from "./prune.ts";
import { removeAll } from "./removal.ts";
import { type RolledOut, rollOut } from "./roll-out.ts";
import { holderOf } from "./singleton.ts";
import { removeStaleWebhooks } from "./stale-webhooks.ts";
import { stepDone, type VersionStep, versionStep } from "./upgrade.ts";

export interface ReconcilerOptions {
  readonly client: Client;
  readonly port: MeshPort;
  readonly inventory: Inventory;
  readonly meshes: Meshes;
  readonly certificates: MeshCertificates;
  readonly status: StatusWriter;
  /** How long a phase may take. */
  readonly progressDeadlineMs: number;
  readonly clock?: Clock;
}

/** While something is waited for, it is looked at again even without an event. */
const waitingMs = 5_000;
/** After an error that does not pass by itself. */
const stuckMs = 60_000;

/** Makes meshes out of NSM resources, one pass at a time. */
export class MeshReconciler {
  readonly #options: ReconcilerOptions;
  readonly #objects: Objects;
  readonly #clock: Clock;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#objects = new Objects(options);
    this.#clock = options.clock ?? systemClock;
  }

  readonly reconcile: Reconcile = async (key, { signal, logger }) => {
    const { meshes } = this.#options;
    const nsm = meshes.get(key);
    if (!nsm) return undefined;
    const pass = this.#pass(nsm, signal, logger);
    if (nsm.metadata.deletionTimestamp !== undefined) return this.#tell(pass, () => this.#remove(pass));
    const holder = holderOf(meshes.list());
    if (holder && objectKey(holder) !== key) return this.#refuse(pass, holder);
    let wanted: WantedMesh;
    let step: VersionStep;
    try {
      wanted = this.#options.port.read(nsm);
      step = versionStep(nsm.status ?? {}, wanted, nsm.metadata.generation ?? 0, this.#options.port);
    } catch (error) {
      if (!isCodedError(error) || error.retryable) throw error;
      await this.#fail(pass, error);
      return undefined;
    }
    if (!hasFinalizer(nsm)) return this.#addFinalizer(nsm, signal);
    return this.#tell(pass, () => this.#run(pass, wanted, step));
  };

  /** What does not pass by itself goes into the status, and is tried again now and then: rights are given, rivals go. */
  async #tell(pass: Pass & { nsm: Nsm }, work: () => Promise<Reconciled | undefined>): Promise<Reconciled | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isCodedError(error) || error.retryable || error.code === "ABORTED") throw error;
      // The cache may show the resource a moment longer than it lives.
      if (error.code === "NOT_FOUND" && !(await this.#exists(pass))) return undefined;
      pass.logger.error("the mesh cannot be brought to its wanted state", { error, reason: error.message });
      await this.#fail(pass, error);
      return { requeueAfterMs: stuckMs };
    }
  }

  async #exists({ nsm, signal }: Pass): Promise<boolean> {
    return (await this.#options.client.find(nsms, splitNamed(nsm), { signal })) !== undefined;
  }

  #pass(nsm: Nsm, signal: AbortSignal, logger: Logger): Pass & { nsm: Nsm } {
    const deeds: Deed[] = [];
    const pass = {
      nsm,
      label: meshLabelValue(nsm.metadata.namespace ?? "", nsm.metadata.name ?? ""),
      signal,
      logger,
      deeds,
    };
    const announce = async (plan: readonly string[]): Promise<void> => {
      const before = current.nsm.status ?? {};
      const steps = plan.map((step) => ({ step, state: "Running" as const }));
      const message = plan.join("; ");
      const version = before.currentVersion ?? "";
      const past = { finishedAt: this.#now, version, result: "Recreated", message } as const;
      const status = withHistory({ ...before, plan: steps }, past);
      current.nsm = await this.#options.status.write(current.nsm, status, { signal });
      await this.#options.status.tell(current.nsm, "Normal", "DisruptivePlan", message, { signal });
    };
    const current = { ...pass, announce };
    return current;
  }

  get #now(): string {
    return new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  }

  async #addFinalizer(nsm: Nsm, signal: AbortSignal): Promise<Reconciled> {
    const finalizers = [...(nsm.metadata.finalizers ?? []), finalizer];
    const { resourceVersion } = nsm.metadata;
    const patched = await this.#options.client.mergePatch<Nsm>(
      nsms,
      splitNamed(nsm),
      { metadata: { finalizers, resourceVersion } },
      { signal },
    );
    this.#options.meshes.learn(patched);
    return { requeueAfterMs: 0 };
  }

  async #run(pass: Pass & { nsm: Nsm }, wanted: WantedMesh, step: VersionStep): Promise<Reconciled | undefined> {
    const { certificates, inventory } = this.#options;
    const before = pass.nsm.status ?? {};
    const identityRelease = wanted.identityRelease?.(step.version, before.identityRelease);
    const identity = identityRelease === undefined ? {} : { identityRelease };
    const applied = digest(wanted.build(step.version, new Map(), identity));
    const gated =
      before.applied !== applied || step.upgrade?.state === "Running" || step.upgrade?.state === "RollingBack";
    const kept = await certificates.provide(pass, wanted.certificates, this.#objects);
    const phases = wanted.build(step.version, kept.certificates, identity);
    const places = [...new Set([...(before.places ?? []), ...placesOf(phases)])].sort();
    await inventory.coverPlaces(before.places ?? [], pass);
    if (places.length !== (before.places ?? []).length || identityRelease !== before.identityRelease) {
      // Known before the first object is there: a removal must find all of them, and no older SPIRE may follow a newer.
      pass.nsm = await this.#options.status.write(pass.nsm, { ...before, places, ...identity }, pass);
    }
    const result = await rollOut(pass, { objects: this.#objects, inventory }, phases, {
      ...{ gated, version: step.version },
      imageAdvice: wanted.imageAdvice,
    });
    if (!result.waiting) {
      const all = new Set([...result.wanted, ...kept.secrets]);
      await prune(pass, { objects: this.#objects, inventory }, all);
    }
    if (!result.waiting && step.upgrade?.state === "Running") {
      const { from, to } = step.upgrade;
      const prefixes = this.#options.port.staleWebhooks(from, to, wanted.provider);
      const mine = new Set(places.map((place) => place.split(" ")[1] ?? ""));
      await removeStaleWebhooks(pass, this.#options.client, prefixes, mine);
    }
    const now = await this.#conclude(pass, { phases, result, step, applied, wanted });
    await this.#options.status.tellDeeds(pass);
    if (now.currentVersion !== before.currentVersion || now.upgrade?.state !== step.upgrade?.state)
      return { requeueAfterMs: 0 };
    if (result.waiting || result.problems.length > 0) return { requeueAfterMs: waitingMs };
    const ill = [...result.health.values()].some((health) => !health.available);
    return { requeueAfterMs: ill ? stuckMs : kept.renewInMs };
  }

  /** Writes what came of the pass, and decides whether an upgrade is given up. @returns the status */
  async #conclude(
    pass: Pass & { nsm: Nsm },
    done: {
      readonly phases: readonly MeshPhase[];
      readonly result: RolledOut;
      readonly step: VersionStep;
      readonly applied: string;
      readonly wanted: Pick<WantedMesh, "warnings" | "platform">;
    },
  ): Promise<MeshStatus> {
    const { result, phases, applied } = done;
    let { step } = done;
    const before = pass.nsm.status ?? {};
    const installed = before.currentVersion !== undefined;
    const progress = this.#progress(before, result, step);
    const late =
      progress !== undefined && this.#clock.now() - Date.parse(progress.since) > this.#options.progressDeadlineMs;
    if (late && step.upgrade?.state === "Running") {
      const message = `${step.upgrade.to} did not become available (${progress.phase}: ${progress.message})`;
      step = { version: step.upgrade.from, upgrade: { ...step.upgrade, state: "RollingBack", message } };
    }
    const { plan: _plan, progress: _progress, upgrade: _upgrade, targetVersion: _target, ...rest } = before;
    const { platform, warnings } = done.wanted;
    let status: MeshStatus = {
      ...rest,
      components: result.components,
      ...tallies(result),
      ...(platform && { platform }),
    };
    if (result.waiting) {
      const phase = step.upgrade ? "Upgrading" : installed ? "Running" : "Creating";
      const upgrade = step.upgrade ? { upgrade: step.upgrade, targetVersion: step.upgrade.target } : {};
      status = { ...status, phase, ...(progress && !(late && step !== done.step) ? { progress } : {}), ...upgrade };
    } else {
      const finished = stepDone({ ...status, ...(before.upgrade ? { upgrade: before.upgrade } : {}) }, step);
      status = { ...finished.status, applied, phase: "Running" };
      const { past } = finished;
      if (past) status = withHistory(status, { finishedAt: this.#now, version: step.version, ...past });
      step = { version: step.version, ...(status.upgrade ? { upgrade: status.upgrade } : {}) };
    }
    const findings = findingsOf(result, phases, step, { installed, overdue: late });
    pass.nsm = await this.#options.status.conclude(pass.nsm, status, withWarnings(findings, warnings), pass);
    return pass.nsm.status ?? {};
  }

  /** Since when this very phase is waited for. */
  #progress(before: MeshStatus, { waiting }: RolledOut, { version }: VersionStep): MeshStatus["progress"] {
    if (!waiting) return undefined;
    const phase = `${waiting.phase} of ${version}`;
    const since = before.progress?.phase === phase ? before.progress.since : this.#now;
    return { phase, since, message: waiting.message };
  }

  async #remove(pass: Pass & { nsm: Nsm }): Promise<Reconciled | undefined> {
    const { client, inventory, status } = this.#options;
    const { nsm, signal } = pass;
    if (!hasFinalizer(nsm)) return undefined;
    const finding = { status: "False", reason: "Removing", message: "the mesh is being removed" } as const;
    const findings: Findings = { Ready: finding, Progressing: { ...finding, status: "True" } };
    pass.nsm = await status.conclude(nsm, { ...nsm.status, phase: "Terminating" }, findings, pass);
    await inventory.coverPlaces(nsm.status?.places ?? [], { signal });
    const left = await removeAll(pass, { objects: this.#objects, inventory });
    if (left.length > 0) {
      const message = `waiting for the end of ${left.join(", ")}`;
      await status.conclude(
        pass.nsm,
        pass.nsm.status ?? {},
        { ...findings, Progressing: { ...finding, status: "True", message } },
        pass,
      );
      return { requeueAfterMs: 1_000 };
    }
    const finalizers = (pass.nsm.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    const { resourceVersion } = pass.nsm.metadata;
    await client.mergePatch<Nsm>(nsms, splitNamed(nsm), { metadata: { finalizers, resourceVersion } }, { signal });
    pass.logger.info("mesh removed");
    return undefined;
  }

  async #refuse(pass: Pass & { nsm: Nsm }, holder: Nsm): Promise<undefined> {
    const message = `the cluster has the mesh of NSM ${objectKey(holder)} already; delete one of the two NSM resources`;
    const error = new CodedError("FAILED_PRECONDITION", message);
    await this.#options.status.conclude(
      pass.nsm,
      { ...pass.nsm.status, phase: "Pending" },
      findingsOfError(error, {}, "AnotherMesh"),
      pass,
    );
  }

  async #fail(pass: Pass & { nsm: Nsm }, error: CodedError): Promise<void> {
    const before = pass.nsm.status ?? {};
    const phase = before.currentVersion === undefined ? "Invalid" : before.phase;
    const status = { ...before, ...(phase ? { phase } : {}) };
    await this.#options.status.conclude(pass.nsm, status, findingsOfError(error, before), pass);
    await this.#options.status.tellDeeds(pass);
  }
}

const splitNamed = (nsm: Nsm): { namespace?: string; name: string } => splitKey(objectKey(nsm));

function digest(phases: readonly MeshPhase[]): string {
  return createHash("sha256").update(JSON.stringify(phases)).digest("hex").slice(0, 16);
}

const placesOf = (phases: readonly MeshPhase[]): string[] =>
  phases.flatMap((phase) =>
    phase.objects.flatMap(({ kind, metadata }) => (metadata.namespace ? [`${kind} ${metadata.namespace}`] : [])),
  );

/** "ready/desired" of the parts that have a printer column. */
function tallies({ components }: RolledOut): Pick<MeshStatus, "registry" | "managers" | "forwarders"> {
  const tally = (component: string): string | undefined => {
    const parts = components.filter((one) => one.component === component);
    const sum = (of: "ready" | "desired"): number => parts.reduce((all, part) => all + part[of], 0);
    return parts.length > 0 ? `${sum("ready")}/${sum("desired")}` : undefined;
  };
  const entries = (["registry", "managers", "forwarders"] as const).flatMap((name) => {
    const text = tally(name);
    return text === undefined ? [] : [[name, text]];
  });
  return Object.fromEntries(entries) as Pick<MeshStatus, "registry" | "managers" | "forwarders">;
}

function withWarnings(findings: Findings, warnings: readonly string[]): Findings {
  const { Ready: ready } = findings;
  if (!ready || warnings.length === 0) return findings;
  return { ...findings, Ready: { ...ready, message: [ready.message, ...warnings].join("; ") } };
}
