import type { Logger } from "@nsmkit/core";
import { meshLabelValue } from "../mesh/marks.ts";
import type { Findings } from "../status/conditions.ts";
import type { MeshStatus, Nsm } from "../status/status.ts";
import type { StatusWriter } from "../status/writer.ts";
import type { Deed, Pass } from "./context.ts";

/** A look at a mesh that keeps the resource as each write of its status leaves it. */
export class MeshPass implements Pass {
  readonly label: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly #status: StatusWriter;
  readonly #progress: () => void;
  readonly #deeds: Deed[] = [];
  #nsm: Nsm;

  constructor(
    nsm: Nsm,
    deps: {
      readonly status: StatusWriter;
      readonly signal: AbortSignal;
      readonly logger: Logger;
      readonly progress: () => void;
    },
  ) {
    this.#nsm = nsm;
    this.label = meshLabelValue(nsm.metadata.namespace ?? "", nsm.metadata.name ?? "");
    this.signal = deps.signal;
    this.logger = deps.logger;
    this.#status = deps.status;
    this.#progress = deps.progress;
  }

  get nsm(): Nsm {
    return this.#nsm;
  }

  get deeds(): readonly Deed[] {
    return this.#deeds;
  }

  did(deed: Deed): void {
    this.#deeds.push(deed);
    // With many objects and a server that often fails there might never be a pass without a failure.
    this.#progress();
  }

  async write(status: MeshStatus): Promise<void> {
    this.#nsm = await this.#status.write(this.#nsm, status, this);
  }

  async conclude(status: MeshStatus, findings: Findings): Promise<void> {
    this.#nsm = await this.#status.conclude(this.#nsm, status, findings, this);
  }

  async tell(type: "Normal" | "Warning", reason: string, note: string): Promise<void> {
    await this.#status.tell(this.#nsm, type, reason, note, this);
  }

  async announce(steps: readonly string[]): Promise<void> {
    const before = this.#nsm.status ?? {};
    const known = new Set(before.plan?.map((one) => one.step));
    const fresh = steps.filter((step) => !known.has(step));
    if (fresh.length > 0) {
      const added = fresh.map((step) => ({ step, state: "Running" }) as const);
      await this.write({ ...before, plan: [...(before.plan ?? []), ...added] });
    }
    await this.tell("Normal", "DisruptivePlan", steps.join("; "));
  }
}
