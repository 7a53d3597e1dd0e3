import { type BackoffOptions, backoffDelay, type Clock, CodedError, isCodedError, systemClock } from "@nsmkit/core";
import { type Client, objectKey, type Reconcile, type Reconciled, splitKey } from "@nsmkit/kube";
import type { MeshCertificates } from "../certificates/mesh-certificates.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { finalizer } from "../mesh/marks.ts";
import type { MeshPort } from "../mesh/port.ts";
import type { Findings } from "../status/conditions.ts";
import type { Meshes } from "../status/meshes.ts";
import { hasFinalizer, type Nsm, nsms } from "../status/status.ts";
import type { StatusWriter } from "../status/writer.ts";
import { concludeFailure } from "./conclude.ts";
import { type Decision, decide } from "./decide.ts";
import { findingsOfError } from "./findings.ts";
import { Maintainer } from "./maintain.ts";
import { Objects } from "./objects.ts";
import { MeshPass } from "./pass.ts";
import { removeAll } from "./removal.ts";
import { holderOf } from "./singleton.ts";
import type { VersionStep } from "./upgrade.ts";

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

/**
 * After errors that do not pass by themselves: rights are given, rivals go. Soon at first, since an API server that has
 * just been started knows no rights yet, and often enough for an upgrade's step, whose time is limited.
 */
const stuck: BackoffOptions = { initialMs: 1_000, maxMs: 30_000 };

/** Makes meshes out of NSM resources, one pass at a time. */
export class MeshReconciler {
  readonly #options: ReconcilerOptions;
  readonly #objects: Objects;
  readonly #maintainer: Maintainer;
  readonly #clock: Clock;
  /** How often in a row each mesh met such an error. */
  readonly #stuck = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#objects = new Objects(options);
    this.#maintainer = new Maintainer({ ...options, objects: this.#objects });
    this.#clock = options.clock ?? systemClock;
  }

  readonly reconcile: Reconcile = async (key, { signal, logger, progress }) => {
    const { meshes, port, status } = this.#options;
    const nsm = meshes.get(key);
    if (!nsm) return undefined;
    const pass = new MeshPass(nsm, { status, signal, logger, progress });
    try {
      if (nsm.metadata.deletionTimestamp !== undefined) return await this.#tell(pass, () => this.#remove(pass));
      const holder = holderOf(meshes.list());
      if (holder && objectKey(holder) !== key) return await this.#refuse(pass, holder);
      let decision: Decision;
      try {
        decision = decide(nsm, port);
      } catch (error) {
        if (!isCodedError(error) || error.retryable) throw error;
        await this.#fail(pass, error);
        return undefined;
      }
      if (!hasFinalizer(nsm)) return await this.#addFinalizer(nsm, signal);
      return await this.#tell(pass, () => this.#maintainer.run(pass, decision), decision.step);
    } finally {
      await status.tellDeeds(pass);
    }
  };

  /** What does not pass by itself goes into the status, and is tried again now and then. */
  async #tell(
    pass: MeshPass,
    work: () => Promise<Reconciled | undefined>,
    step?: VersionStep,
  ): Promise<Reconciled | undefined> {
    try {
      const reconciled = await work();
      this.#stuck.delete(objectKey(pass.nsm));
      return reconciled;
    } catch (error) {
      if (!isCodedError(error) || error.retryable || error.code === "ABORTED" || error.code === "CLOSED") throw error;
      // The cache may show the resource a moment longer than it lives.
      if (error.code === "NOT_FOUND" && !(await this.#exists(pass))) return undefined;
      pass.logger.error("the mesh cannot be brought to its wanted state", { error, reason: error.message });
      await this.#fail(pass, error, step);
      if (pass.nsm.status?.upgrade?.state !== step?.upgrade?.state) return { requeueAfterMs: 0 };
      const key = objectKey(pass.nsm);
      const times = (this.#stuck.get(key) ?? 0) + 1;
      this.#stuck.set(key, times);
      return { requeueAfterMs: backoffDelay(times, stuck) };
    }
  }

  async #exists({ nsm, signal }: MeshPass): Promise<boolean> {
    return (await this.#options.client.find(nsms, splitNamed(nsm), { signal })) !== undefined;
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

  async #remove(pass: MeshPass): Promise<Reconciled | undefined> {
    const { client, inventory } = this.#options;
    const { nsm, signal } = pass;
    if (!hasFinalizer(nsm)) return undefined;
    const finding = { status: "False", reason: "Removing", message: "the mesh is being removed" } as const;
    const findings: Findings = { Ready: finding, Progressing: { ...finding, status: "True" } };
    await pass.conclude({ ...nsm.status, phase: "Terminating" }, findings);
    await inventory.coverPlaces(nsm.status?.places ?? [], { signal });
    const left = await removeAll(pass, { objects: this.#objects, inventory });
    if (left.length > 0) {
      const message = `waiting for the end of ${left.join(", ")}`;
      await pass.conclude(pass.nsm.status ?? {}, { ...findings, Progressing: { ...finding, status: "True", message } });
      return { requeueAfterMs: 1_000 };
    }
    const finalizers = (pass.nsm.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    const { resourceVersion } = pass.nsm.metadata;
    await client.mergePatch<Nsm>(nsms, splitNamed(nsm), { metadata: { finalizers, resourceVersion } }, { signal });
    pass.logger.info("mesh removed");
    return undefined;
  }

  async #refuse(pass: MeshPass, holder: Nsm): Promise<undefined> {
    const message = `the cluster has the mesh of NSM ${objectKey(holder)} already; delete one of the two NSM resources`;
    const error = new CodedError("FAILED_PRECONDITION", message);
    await pass.conclude({ ...pass.nsm.status, phase: "Pending" }, findingsOfError(error, {}, "AnotherMesh"));
  }

  async #fail(pass: MeshPass, error: CodedError, step?: VersionStep): Promise<void> {
    const time = { nowMs: this.#clock.now(), deadlineMs: this.#options.progressDeadlineMs };
    const { status, findings } = concludeFailure(pass.nsm.status ?? {}, error, step, time);
    await pass.conclude(status, findings);
  }
}

const splitNamed = (nsm: Nsm): { namespace?: string; name: string } => splitKey(objectKey(nsm));
