import { backoffDelay, type Clock, isCodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Etcd, EtcdCallOptions, FollowUpdate, KeyRange, StoreState } from "./api.ts";
import { compactedRevision } from "./errors.ts";
import { Witness } from "./witness.ts";

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Longest wait between attempts to reach a store that is away, ms; default 2000. The first ones come sooner. */
  readonly reconnectMs?: number;
  /**
   * Take a new snapshot this often, ms, though nothing broke; default never. Releases of etcd without the fix of
   * etcd-io/etcd#18089 (2024) can lose a deletion that is compacted in its very revision: no watch ever tells it.
   */
  readonly snapshotEveryMs?: number;
  /** Told when the store is reached, and of each failure to. */
  readonly onState?: (
    state: { readonly connected: true } | { readonly connected: false; readonly error: unknown },
  ) => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** How far a reader is, and in which store that was. */
interface Position {
  revision: bigint;
  readonly store: StoreState;
  /** The last change that was told; undefined before there was one. */
  witness: Witness | undefined;
}

/**
 * Follows all keys of a range for as long as the signal lets it: one snapshot of one revision, then every later
 * revision, whole and once. Waits for a store that is away. After a break it goes on where it was when that is certain;
 * else (compacted, another cluster, an older revision, another history, an election in between, which every restart
 * brings) it takes a new snapshot, for the reader to compare with what it had.
 */
export async function* follow(etcd: Etcd, range: KeyRange, options: FollowOptions = {}): AsyncGenerator<FollowUpdate> {
  const { signal, reconnectMs = 2000, onState, logger = silentLogger, clock = systemClock } = options;
  const { snapshotEveryMs } = options;
  const call = signal ? { signal } : {};
  const reached = (): void => onState?.({ connected: true });
  let position: Position | undefined;
  let broken = false;
  for (let failures = 0; !signal?.aborted; ) {
    const stale = new AbortController();
    const due = snapshotEveryMs === undefined ? undefined : clock.after(snapshotEveryMs, () => stale.abort());
    try {
      if (!position) {
        const { revision, store, kvs } = await etcd.list(range, call);
        reached();
        failures = 0;
        yield { kind: "snapshot", revision, kvs };
        position = { revision, store, witness: undefined };
        broken = false;
      }
      const ending = AbortSignal.any([stale.signal, ...(signal ? [signal] : [])]);
      for await (const update of etcd.watch(range, { fromRevision: position.revision + 1n, signal: ending })) {
        failures = 0;
        if (update.kind === "created") {
          const doubt = await doubtful(position, update.store, broken ? etcd : undefined, call);
          if (doubt) {
            logger.info("etcd: a new snapshot is taken", { why: doubt, revision: position.revision });
            position = undefined;
            break;
          }
          broken = false;
          reached();
        } else if (update.kind === "events") {
          yield update;
          // Not what a progress update says: between the two another history may have changes of ours.
          position.revision = update.revision;
          position.witness = new Witness(update.revision, update.events);
        }
      }
      if (stale.signal.aborted) position = undefined;
    } catch (error) {
      if (signal?.aborted) return;
      if (stale.signal.aborted) {
        position = undefined;
        continue;
      }
      const compacted = compactedRevision(error);
      if (compacted !== undefined) {
        logger.info("etcd: a new snapshot is taken", { why: "the history was compacted", compacted });
        position = undefined;
        continue;
      }
      if (isCodedError(error, "CLOSED")) throw error;
      failures++;
      broken = true;
      onState?.({ connected: false, error });
      const delayMs = backoffDelay(failures, { initialMs: Math.min(100, reconnectMs), maxMs: reconnectMs });
      await clock.sleep(delayMs, call).catch(() => {});
    } finally {
      due?.cancel();
    }
  }
}

/**
 * Why the changes from `position` on may not be those of the history that the reader saw; undefined when they are.
 * @param etcd asked for the witness, when there was a break
 */
async function doubtful(
  { revision, store, witness }: Position,
  now: StoreState,
  etcd: Etcd | undefined,
  call: EtcdCallOptions,
): Promise<string | undefined> {
  if (now.clusterId !== store.clusterId) return "the cluster is another one";
  if (now.revision < revision) return "the store is older than before";
  if (now.raftTerm !== store.raftTerm) return "there was an election";
  if (!etcd) return undefined;
  if (!witness) return "nothing was told since the last one by which the history would be known";
  return (await witness.holds(etcd, call)) ? undefined : "the history is another one";
}
