import type { Compare, Etcd, Operation, OperationResult, TxnResult } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";
import type { StoreMirror } from "./mirror.ts";
import type { Step } from "./plan.ts";
import { formatRecord, type RecordPlaces } from "./record.ts";

type Call = { readonly signal: AbortSignal };

export interface StoreWriterOptions {
  readonly etcd: Pick<Etcd, "txn" | "put">;
  readonly mirror: StoreMirror;
  readonly places: RecordPlaces;
  /** Unique per process. */
  readonly identity: string;
  /** Told of each transaction. */
  readonly onTxn?: (result: "done" | "outrun" | "error", durationMs: number) => void;
}

/**
 * Writes steps, each as one transaction that is done only while this process leads and everything it was planned on is
 * still so. What it finds instead goes into the mirror, so that the next plan starts from the truth.
 */
export class StoreWriter {
  readonly #options: StoreWriterOptions;

  constructor(options: StoreWriterOptions) {
    this.#options = options;
  }

  /** Makes this process the only one that may write. Call only as elected leader. */
  async takeOver({ signal }: Call): Promise<void> {
    const { etcd, mirror, places, identity } = this.#options;
    const { revision } = await etcd.put(places.leaderKey, identity, { signal });
    mirror.learn(places.leaderKey, { value: identity, modRevision: revision }, revision);
  }

  /**
   * @param resource `namespace/name`
   * @throws CONFLICT (retryable) when something changed meanwhile: plan again; ABORTED when another process leads
   */
  async write(resource: string, step: Step, { signal }: Call): Promise<void> {
    const { etcd, mirror, places, identity, onTxn } = this.#options;
    const recordKey = places.ownerKey(resource);
    const touched = [...step.puts.map(({ key }) => key), ...step.deletes, ...step.guards, recordKey];
    const compare: Compare[] = [
      { key: places.leaderKey, value: identity },
      ...touched.map((key) => ({ key, modRevision: mirror.modRevisionOf(key) })),
    ];
    const success: Operation[] = [
      ...step.puts.map(({ key, value }) => ({ put: key, value })),
      ...step.deletes.map((key) => ({ delete: key })),
      ...recordOperation(recordKey, step.record),
    ];
    const failure = [places.leaderKey, ...touched].map((key): Operation => ({ range: key }));
    const startedMs = performance.now();
    let result: TxnResult;
    try {
      result = await etcd.txn({ compare, success, failure }, { signal });
    } catch (error) {
      onTxn?.("error", performance.now() - startedMs);
      throw error;
    }
    onTxn?.(result.succeeded ? "done" : "outrun", performance.now() - startedMs);
    if (result.succeeded) this.#learnDone(recordKey, step, result.revision);
    else this.#learnFound([places.leaderKey, ...touched], result.results, result.revision);
    if (result.succeeded) return;
    if (mirror.leader !== identity)
      throw new CodedError("ABORTED", `another controller writes to etcd now: ${mirror.leader ?? "nobody"}`, {
        retryable: true,
      });
    throw new CodedError("CONFLICT", `keys of ${resource} changed in etcd meanwhile`, { retryable: true });
  }

  #learnDone(recordKey: string, { puts, deletes, record }: Step, revision: bigint): void {
    const { mirror } = this.#options;
    for (const { key, value } of puts) mirror.learn(key, { value, modRevision: revision }, revision);
    for (const key of deletes) mirror.learn(key, undefined, revision);
    if (record === "keep") return;
    const value = record === "delete" ? undefined : { value: formatRecord(record.put), modRevision: revision };
    mirror.learn(recordKey, value, revision);
  }

  #learnFound(keys: readonly string[], results: readonly OperationResult[], revision: bigint): void {
    for (const [i, key] of keys.entries()) {
      const result = results[i];
      if (result?.kind === "range") this.#options.mirror.learn(key, result.kvs[0], revision);
    }
  }
}

function recordOperation(key: string, record: Step["record"]): Operation[] {
  if (record === "keep") return [];
  return record === "delete" ? [{ delete: key }] : [{ put: key, value: formatRecord(record.put) }];
}
