import { type Clock, CodedError, Deferred, isCodedError, type Logger, messageOf, type Timer } from "@nsmkit/core";
import type { Etcd } from "../../etcd/api.ts";
import { prefix } from "../../etcd/bytes.ts";
import { follow } from "../../etcd/follow.ts";
import type { PartStatus } from "../../probe.ts";
import { agentPrefix } from "../files/key-values.ts";
import type { Applied } from "../northbound.ts";
import type { AgentSource, SourceCore } from "../source.ts";
import type { Change } from "../store.ts";
import { Batch, etcdSource, type Refusal } from "./batch.ts";
import { Pending } from "./pending.ts";

export interface EtcdSourceOptions {
  /** The source does not close it. */
  readonly etcd: Etcd;
  /** Start without etcd; default false: the start fails. */
  readonly allowDelayedStart?: boolean;
  readonly reconnectIntervalMs?: number;
  /** Read the system again after each break; default false. */
  readonly resyncAfterReconnect?: boolean;
  /** Applied to the text of every value. */
  readonly expand?: (text: string) => string;
  /** Told of a snapshot: what we wrote to the store may be gone. */
  readonly onSnapshot?: () => void;
  /** Told of a key that is refused, or (undefined) is not any more. */
  readonly onRefused?: (key: string, error: string | undefined) => void;
}

/** How the source is, for people. */
export interface EtcdSourceStatus {
  readonly connected: boolean;
  /** Why it is not. */
  readonly error?: string;
  /** Applied up to this revision of the store. */
  readonly revision: string;
  /** Values in force. */
  readonly items: number;
  readonly refused: readonly { readonly key: string; readonly error: string }[];
  /** Transactions since the start, and the revisions that they brought. */
  readonly transactions: number;
  readonly revisions: number;
}

/** Refused keys in the status of the agent; all of them are in `details` and in etcd. */
const shownErrors = 10;

/** While a transaction is under way the next revisions are gathered, but a slow value holds nobody up longer, ms. */
const gatherMs = 50;

/** How often all keys are compared with what was told of them, ms. */
const compareEveryMs = 600_000;

/**
 * The configuration of an agent in etcd: `/vnf-agent/<label>/config/`. One snapshot of one revision, then everything
 * that follows; keys that etcd wrote in one revision are in one transaction. When revisions come faster than
 * transactions settle, several share one. While etcd is away everything stays as it is.
 */
export class EtcdSource implements AgentSource {
  readonly name = "etcd";
  readonly #core: SourceCore;
  readonly #options: EtcdSourceOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #closing = new AbortController();
  readonly #first = new Deferred<"arrived" | { readonly error: unknown }>();
  #refused: ReadonlyMap<string, Refusal> = new Map();
  #pending: Pending;
  #connected = false;
  #error: unknown;
  #resync = false;
  #revision = 0n;
  #transactions = 0;
  #revisions = 0;
  #following: Promise<void> = Promise.resolve();
  /** What to ask once everything is known for the first time; undefined before `start`. */
  #completes: (() => boolean) | undefined;
  #known = false;
  #busy = 0;
  #gather: Timer | undefined;

  constructor(core: SourceCore, options: EtcdSourceOptions) {
    this.#core = core;
    this.#options = options;
    this.#logger = core.logger.child({ component: "etcd" });
    this.#clock = core.clock;
    this.#prefix = `${agentPrefix}${core.label}/`;
    this.#pending = new Pending(this.#prefix);
  }

  async load(before: Promise<readonly Change[]>): Promise<{ changes: readonly Change[]; complete: boolean }> {
    this.#following = this.#follow();
    const first = await this.#first.promise;
    const others = await before;
    if (first !== "arrived") {
      if (!this.#options.allowDelayedStart) throw notStarted(this.#options.etcd.name, first.error);
      this.#logger.warn("etcd is away, the agent starts without it", { error: first.error });
      return { changes: [], complete: false };
    }
    const batch = this.#take();
    batch.settle((change) => this.#core.northbound.check([...others, change]));
    this.#keep(batch);
    return { changes: [batch.change], complete: true };
  }

  start({ completes }: { readonly completes: () => boolean }): void {
    this.#completes = completes;
    this.#soon();
  }

  status(): PartStatus {
    // Without etcd the agent goes on with what it has. ERROR would have it restarted, which helps nobody.
    if (!this.#connected) return { state: "INIT", error: `etcd is away: ${messageOf(this.#error ?? "connecting")}` };
    const errors = [...this.#refused.values()].slice(0, shownErrors).map(({ error }) => error);
    if (errors.length === 0) return { state: "OK" };
    const more = this.#refused.size - errors.length;
    return { state: "OK", error: [...errors, ...(more > 0 ? [`and ${more} more keys`] : [])].join("\n") };
  }

  /** In full, for people. */
  get details(): EtcdSourceStatus {
    return {
      connected: this.#connected,
      ...(this.#connected || this.#error === undefined ? {} : { error: messageOf(this.#error) }),
      revision: this.#revision.toString(),
      items: this.#core.northbound.store.itemsOf(etcdSource).size,
      refused: [...this.#refused].map(([key, { error }]) => ({ key, error })),
      transactions: this.#transactions,
      revisions: this.#revisions,
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#gather?.cancel();
    this.#first.resolve({ error: new CodedError("CLOSED", "the agent ends") });
    await this.#following;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #follow(): Promise<void> {
    const { etcd, reconnectIntervalMs, onSnapshot } = this.#options;
    const updates = follow(etcd, prefix(`${this.#prefix}config/`), {
      signal: this.#closing.signal,
      onState: (state) => this.#state(state),
      snapshotEveryMs: compareEveryMs,
      logger: this.#logger,
      clock: this.#clock,
      ...(reconnectIntervalMs === undefined ? {} : { reconnectMs: reconnectIntervalMs }),
    });
    try {
      for await (const update of updates) {
        this.#pending.add(update);
        this.#first.resolve("arrived");
        if (update.kind === "snapshot") onSnapshot?.();
        this.#soon();
      }
    } catch (error) {
      // Only a client that was closed ends it.
      this.#state({ connected: false, error });
    }
  }

  #state(state: { readonly connected: true } | { readonly connected: false; readonly error: unknown }): void {
    if (state.connected) {
      const again = this.#known && !this.#connected;
      if (!this.#connected) this.#logger.info("etcd is connected", { etcd: this.#options.etcd.name });
      this.#connected = true;
      if (again && this.#options.resyncAfterReconnect) {
        this.#resync = true;
        this.#soon();
      }
      return;
    }
    if (this.#connected || this.#error === undefined)
      this.#logger.warn("etcd is away, everything stays as it is", { error: state.error });
    this.#connected = false;
    this.#error = state.error;
    this.#first.resolve({ error: state.error });
  }

  /** Applies what has arrived, unless it is worth waiting for more. */
  #soon(): void {
    if (!this.#completes || this.#gather || this.#closing.signal.aborted) return;
    if (this.#pending.empty && !this.#resync) return;
    const apply = (): void => {
      this.#gather = undefined;
      if (!this.#closing.signal.aborted) this.#apply();
    };
    if (this.#busy > 0) this.#gather = this.#clock.after(gatherMs, apply);
    else {
      // What came in one packet with it is in the same transaction.
      const turn = setImmediate(apply);
      this.#gather = { cancel: () => clearImmediate(turn) };
    }
  }

  #apply(): void {
    const { northbound } = this.#core;
    try {
      const batch = this.#take();
      const completed = !this.#known && (this.#completes?.() ?? false);
      const resync = this.#resync || completed;
      this.#resync = false;
      const description = `etcd revision ${this.#revision}`;
      // Usually nothing is wrong, and whether something is, is found out by applying it: nothing is, then.
      let applied: Applied | undefined;
      batch.settle(
        (change) => {
          if (resync || !isEmpty(change))
            applied = northbound.apply([change], { description, ...(resync ? { resync } : {}) });
        },
        (change) => northbound.check([change]),
      );
      this.#keep(batch);
      if (applied) this.#follows(applied);
    } catch (error) {
      // A scheduler that is closing takes nothing; anything else is a fault of ours, and the next change may do better.
      if (!isCodedError(error, "CLOSED")) this.#logger.error("a change from etcd cannot be applied", { error });
    }
  }

  #follows({ settled }: Applied): void {
    this.#transactions++;
    this.#busy++;
    const done = (): void => {
      this.#busy--;
      if (this.#busy > 0 || !this.#gather) return;
      this.#gather.cancel();
      this.#gather = undefined;
      this.#soon();
    };
    settled.then(done, done);
  }

  /** What has arrived. */
  #take(): Batch {
    const pending = this.#pending;
    this.#pending = new Pending(this.#prefix);
    const items = this.#core.northbound.store.itemsOf(etcdSource);
    const before = { items, refused: this.#refused };
    const { expand } = this.#options;
    if (pending.revision > 0n) this.#revision = pending.revision;
    this.#revisions += pending.revisions;
    return new Batch(pending, before, { models: this.#core.models, prefix: this.#prefix, expand });
  }

  /** Remembers, and tells, what was left out. */
  #keep({ refused }: Batch): void {
    this.#known = true;
    const { onRefused } = this.#options;
    for (const [key, { error }] of refused) {
      if (this.#refused.get(key)?.error === error) continue;
      this.#logger.error("a value in etcd is refused, what its key had before stays in force", { key, error });
      onRefused?.(key, error);
    }
    for (const key of this.#refused.keys()) if (!refused.has(key)) onRefused?.(key, undefined);
    this.#refused = refused;
  }
}

function isEmpty({ put = [], delete: removed = [] }: Change): boolean {
  return put.length === 0 && removed.length === 0;
}

function notStarted(name: string, cause: unknown): CodedError {
  if (isCodedError(cause, "CLOSED")) return cause;
  const code = isCodedError(cause, "UNAUTHENTICATED") ? "UNAUTHENTICATED" : "UNAVAILABLE";
  return new CodedError(
    code,
    `etcd at ${name} cannot be used: ${messageOf(cause)}; start it, or set allow-delayed-start: true in etcd.conf`,
    { cause },
  );
}
