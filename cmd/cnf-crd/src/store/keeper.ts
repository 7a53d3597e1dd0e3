import { type Etcd, follow, prefix } from "@nsmkit/agent/etcd";
import { backoffDelay, type Clock, type Logger, messageOf } from "@nsmkit/core";
import { agentsRoot, type StoreMirror } from "./mirror.ts";
import { type RecordPlaces, recordsRoot } from "./record.ts";
import type { StoreWriter } from "./writer.ts";

export interface StoreKeeperOptions {
  readonly etcd: Etcd;
  readonly mirror: StoreMirror;
  readonly writer: StoreWriter;
  readonly places: RecordPlaces;
  readonly identity: string;
  /** Whether the cluster still has us as its leader, asked anew. */
  readonly leads: (options: { signal: AbortSignal }) => Promise<boolean>;
  /** etcd can be written to, after it could not. */
  readonly onReady: () => void;
  /** Somebody else was elected. */
  readonly onLost: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Part = "agents" | "records";

/** However silent etcd is, it is asked this often who leads: a store that was restored may have forgotten us. */
const verifyMs = 30_000;
/**
 * Every so many of these looks all keys are compared, without their values. etcd without the fix of etcd-io/etcd#18089
 * loses the deletion of a key for a watch that begins at the very revision up to which the history is compacted.
 */
const looksPerComparison = 20;
const retry = { initialMs: 200, maxMs: 5_000 };

/** Keeps the mirror true and this process the one that may write, through whatever happens to etcd. */
export class StoreKeeper {
  readonly #options: StoreKeeperOptions;
  readonly #connected: Record<Part, boolean> = { agents: false, records: false };
  #taking: Promise<void> | undefined;
  #signal: AbortSignal | undefined;
  #why = "it has not been reached yet";

  constructor(options: StoreKeeperOptions) {
    this.#options = options;
  }

  /** Whether plans can be made and written. */
  get ready(): boolean {
    const { mirror, identity } = this.#options;
    return mirror.synced && this.#connected.agents && this.#connected.records && mirror.leader === identity;
  }

  /** Why not; for logs, as it has times and addresses in it. */
  get why(): string {
    return this.#why;
  }

  /** Until the signal is cancelled. */
  async run({ signal }: { signal: AbortSignal }): Promise<void> {
    this.#signal = signal;
    await Promise.all([
      this.#follow("agents", agentsRoot, signal),
      this.#follow("records", recordsRoot, signal),
      this.#verify(signal),
    ]);
    await this.#taking;
  }

  /** Takes the right to write if it is not ours: after a look at everything, and when a write found it gone. */
  take(): void {
    if (this.#signal === undefined) return;
    this.#taking ??= this.#take(this.#signal).finally(() => {
      this.#taking = undefined;
    });
  }

  async #follow(part: Part, root: string, signal: AbortSignal): Promise<void> {
    const { etcd, mirror, clock, logger, onReady } = this.#options;
    const updates = follow(etcd, prefix(root), {
      ...{ signal, clock, logger },
      onState: (state) => {
        const was = this.#connected[part];
        this.#connected[part] = state.connected;
        if (!state.connected) {
          this.#why = messageOf(state.error);
          if (was) logger.warn("etcd cannot be followed", { part, reason: this.#why });
        } else if (!was) {
          logger.info("following etcd", { part });
          if (this.ready) onReady();
        }
      },
    });
    for await (const update of updates) {
      mirror.apply(part, update);
      if (!mirror.synced || mirror.leader === this.#options.identity) continue;
      this.take();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    const { mirror, writer, identity, leads, onReady, onLost, clock, logger } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (!(await leads({ signal }))) return onLost();
        if (mirror.leader !== identity) await writer.takeOver({ signal });
        if (this.ready) onReady();
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#why = messageOf(error);
        logger.warn("the right to write to etcd could not be taken, trying again", { reason: this.#why });
        await clock.sleep(backoffDelay(++failures, retry), { signal }).catch(() => {});
      }
    }
  }

  async #compare(signal: AbortSignal): Promise<void> {
    const { etcd, mirror, logger } = this.#options;
    const { revision, kvs } = await etcd.list(prefix(agentsRoot), { keysOnly: true, signal });
    if (mirror.agrees(kvs, revision)) return;
    logger.warn("etcd has other keys than its watch told of, everything is read anew");
    const all = await etcd.list(prefix(agentsRoot), { signal });
    mirror.apply("agents", { kind: "snapshot", revision: all.revision, kvs: all.kvs });
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const { etcd, mirror, places, identity, clock, logger } = this.#options;
    for (let look = 1; !signal.aborted; look++) {
      await clock.sleep(verifyMs, { signal }).catch(() => {});
      if (signal.aborted || !this.ready) continue;
      try {
        if (look % looksPerComparison === 0) await this.#compare(signal);
        const found = await etcd.get(places.leaderKey, { signal });
        if (found && Buffer.from(found.value).toString("utf8") === identity) continue;
        mirror.learn(places.leaderKey, found, (found?.modRevision ?? mirror.modRevisionOf(places.leaderKey)) + 1n);
        this.take();
      } catch (error) {
        if (!signal.aborted) logger.debug("etcd could not be verified", { reason: messageOf(error) });
      }
    }
  }
}
