import { backoffDelay, type Clock, isCodedError, type Logger, silentLogger, systemClock } from "@nsmkit/core";
import type { Etcd, FollowUpdate, KeyRange, StoreState } from "./api.ts";
import { compactedRevision } from "./errors.ts";

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Longest wait between attempts to reach a store that is away, ms; default 2000. The first ones come sooner. */
  readonly reconnectMs?: number;
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
}

/**
 * Follows all keys of a range for as long as the signal lets it: one snapshot of one revision, then every later
 * revision, whole and once. Waits for a store that is away. After a break it goes on where it was when that is certain;
 * else (compacted, another cluster, an older revision, an election in between, which every restart and every restored
 * backup brings) it takes a new snapshot, for the reader to compare with what it had.
 */
export async function* follow(etcd: Etcd, range: KeyRange, options: FollowOptions = {}): AsyncGenerator<FollowUpdate> {
  const { signal, reconnectMs = 2000, onState, logger = silentLogger, clock = systemClock } = options;
  const reached = (): void => onState?.({ connected: true });
  let position: Position | undefined;
  for (let failures = 0; !signal?.aborted; ) {
    try {
      if (!position) {
        const { revision, store, kvs } = await etcd.list(range, signal ? { signal } : {});
        reached();
        failures = 0;
        yield { kind: "snapshot", revision, kvs };
        position = { revision, store };
      }
      const watch = etcd.watch(range, { fromRevision: position.revision + 1n, ...(signal ? { signal } : {}) });
      for await (const update of watch) {
        failures = 0;
        if (update.kind === "created") {
          const doubt = doubtful(position, update.store);
          if (doubt) {
            logger.info("etcd: a new snapshot is taken", { why: doubt, revision: position.revision });
            position = undefined;
            break;
          }
          reached();
          continue;
        }
        if (update.kind === "events") yield update;
        if (update.revision > position.revision) position.revision = update.revision;
      }
    } catch (error) {
      if (signal?.aborted) return;
      const compacted = compactedRevision(error);
      if (compacted !== undefined) {
        logger.info("etcd: a new snapshot is taken", { why: "the history was compacted", compacted });
        position = undefined;
        continue;
      }
      if (isCodedError(error, "CLOSED")) throw error;
      failures++;
      onState?.({ connected: false, error });
      const delayMs = backoffDelay(failures, { initialMs: Math.min(100, reconnectMs), maxMs: reconnectMs });
      await clock.sleep(delayMs, signal ? { signal } : {}).catch(() => {});
    }
  }
}

/** Why the changes from `position` on may not be those of the history that the reader saw; undefined when they are. */
function doubtful({ revision, store }: Position, now: StoreState): string | undefined {
  if (now.clusterId !== store.clusterId) return "the cluster is another one";
  if (now.revision < revision) return "the store is older than before";
  // A backup that was restored and written to since may have any revision, but not without an election.
  if (now.raftTerm !== store.raftTerm) return "there was an election";
  return undefined;
}
