import { type Clock, CodedError, isCodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Client } from "../client/client.ts";
import type { KubeMetrics } from "../metrics/metrics.ts";
import type { KubeObject, Resource } from "../object.ts";

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

const leases: Resource<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

export interface LeaderElectionOptions {
  readonly client: Pick<Client, "find" | "create" | "update">;
  readonly namespace: string;
  readonly name: string;
  /** Unique per process: Pod name and a random part. */
  readonly identity: string;
  /** How long a silent leader keeps its office, ms; default 15,000 (client-go's). */
  readonly leaseMs?: number;
  /** A leader that could not renew for this long gives up, ms; must be less than `leaseMs`; default 10,000. */
  readonly renewDeadlineMs?: number;
  /** ms between tries; default 2,000. */
  readonly retryMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: KubeMetrics;
}

/**
 * One leader among several processes, by a coordination.k8s.io/v1 Lease, as client-go elects: a holder's time runs by
 * our own clock from when we saw it renew, so that clocks need not agree.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #seen: { record: string; atMs: number } | undefined;
  #held: Lease | undefined;
  /** A write of which we do not know whether it was done. */
  #unheard = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = (options.logger ?? silentLogger).child({ lease: `${options.namespace}/${options.name}` });
    options.metrics?.leader.set({ name: options.name }, 0);
  }

  /**
   * Waits to become leader, then runs `lead` until it ends, the office is lost (its signal is cancelled) or `signal` is
   * cancelled. Gives the office back, so that the next one need not wait out the lease.
   * @returns whether the office was lost: then `lead`'s work must be considered taken over
   */
  async run(
    lead: (options: { signal: AbortSignal }) => Promise<void>,
    options: { signal: AbortSignal },
  ): Promise<"ended" | "lost"> {
    try {
      await this.#acquire(options.signal);
    } catch (error) {
      await this.#releaseUnheard();
      throw error;
    }
    this.#options.metrics?.leader.set({ name: this.#options.name }, 1);
    this.#logger.info("leading", { identity: this.#options.identity });
    const lost = new AbortController();
    const over = new AbortController();
    const renewing = this.#renew(AbortSignal.any([options.signal, over.signal])).then((kept) => {
      if (!kept) lost.abort();
    });
    try {
      await lead({ signal: AbortSignal.any([options.signal, lost.signal]) });
    } finally {
      over.abort();
      await renewing;
      this.#options.metrics?.leader.set({ name: this.#options.name }, 0);
      if (!lost.signal.aborted) await (this.#unheard ? this.#releaseUnheard() : this.#release());
    }
    return lost.signal.aborted ? "lost" : "ended";
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { retryMs = 2_000 } = this.#options;
    for (;;) {
      try {
        if (await this.#try(signal)) return;
      } catch (error) {
        if (signal.aborted) throw error;
        this.#logger.warn("leader election failed, trying again", { error });
      }
      // Spread, so that followers do not all try at once.
      await this.#clock.sleep(retryMs * (1 + 0.2 * Math.random()), { signal });
    }
  }

  /** @returns false when the office is lost, true when `signal` ended the renewing */
  async #renew(signal: AbortSignal): Promise<boolean> {
    const { retryMs = 2_000, renewDeadlineMs = 10_000 } = this.#options;
    let lastMs = this.#clock.monotonic();
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(retryMs, { signal });
        // A request that hangs must not keep us in an office which others may take by then, nor cost it at once.
        const untilMs = Math.min(lastMs + renewDeadlineMs, this.#clock.monotonic() + renewDeadlineMs / 2);
        if (!(await this.#tryUntil(untilMs, signal))) return false;
        lastMs = this.#clock.monotonic();
      } catch (error) {
        if (signal.aborted) return true;
        this.#logger.warn("could not renew the lease", { error });
        if (this.#clock.monotonic() - lastMs >= renewDeadlineMs) return false;
      }
    }
    return true;
  }

  async #tryUntil(atMs: number, signal: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const left = Math.max(0, atMs - this.#clock.monotonic());
    const timer = this.#clock.after(left, () =>
      late.abort(new CodedError("DEADLINE_EXCEEDED", "renewing took too long")),
    );
    try {
      return await this.#try(AbortSignal.any([signal, late.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** Takes or keeps the office if it is free, ours, or its holder silent for too long. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity, leaseMs = 15_000 } = this.#options;
    // A leader renews what it wrote last, without reading it again; if somebody else wrote, that is a conflict.
    const held = this.#held;
    this.#held = undefined;
    const current = held ?? (await client.find(leases, { namespace, name }, { signal }));
    const now = new Date(this.#clock.now()).toISOString().replace("Z", "000Z");
    const holder = current?.spec?.holderIdentity ?? "";
    if (current && holder !== "" && holder !== identity) {
      const record = `${holder} ${current.spec?.renewTime}`;
      if (this.#seen?.record !== record) this.#seen = { record, atMs: this.#clock.monotonic() };
      const lasts = (current.spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
      if (this.#clock.monotonic() - this.#seen.atMs < lasts) return false;
    }
    const lease: Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: current?.metadata ?? { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseMs / 1000),
        renewTime: now,
        acquireTime: holder === identity ? (current?.spec?.acquireTime ?? now) : now,
        leaseTransitions: (current?.spec?.leaseTransitions ?? 0) + (current && holder !== identity ? 1 : 0),
      },
    };
    this.#unheard = true;
    try {
      this.#held = await (current
        ? client.update(leases, lease, { signal })
        : client.create(leases, lease, { signal }));
      this.#unheard = false;
      return true;
    } catch (error) {
      if (isCodedError(error) && !["ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.code)) {
        this.#unheard = false;
      }
      // Someone else was faster.
      const changed = isCodedError(error, "CONFLICT") || isCodedError(error, "NOT_FOUND");
      if (held && changed) return this.#try(signal);
      if (changed || isCodedError(error, "ALREADY_EXISTS")) return false;
      this.#held = held;
      throw error;
    }
  }

  /** We may have been stopped in the very moment in which we were elected: nobody shall wait for us then. */
  async #releaseUnheard(): Promise<void> {
    if (!this.#unheard) return;
    const { client, namespace, name, identity } = this.#options;
    try {
      const lease = await client.find(leases, { namespace, name }, { signal: AbortSignal.timeout(5_000) });
      if (lease?.spec?.holderIdentity !== identity) return;
      this.#held = lease;
    } catch (error) {
      this.#logger.debug("whether the lease was taken cannot be seen", { error });
      return;
    }
    await this.#release();
  }

  async #release(): Promise<void> {
    if (!this.#held?.spec) return;
    try {
      const spec = { ...this.#held.spec, holderIdentity: "", leaseDurationSeconds: 1 };
      await this.#options.client.update(leases, { ...this.#held, spec }, { signal: AbortSignal.timeout(5_000) });
    } catch (error) {
      this.#logger.warn("could not give the lease back; the next leader waits until it runs out", { error });
    }
  }
}
