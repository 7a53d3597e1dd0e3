import { backoffDelay, type Clock, type Timer } from "@nsmkit/core";
import type { Intent, Node, RetryPolicy } from "../graph/node.ts";
import type { RetryOptions } from "../transaction.ts";

/** @returns undefined if nothing is to be retried */
export function retryPolicy(option: boolean | RetryOptions | undefined): RetryPolicy | undefined {
  if (option === undefined || option === false) return undefined;
  const { periodMs = 1000, maxCount = 3, expBackoff = true, maxPeriodMs = 300_000 } = option === true ? {} : option;
  return { periodMs, maxCount, expBackoff, maxPeriodMs };
}

export interface DueRetries {
  /** The transaction whose values are tried again. */
  readonly seqNum: number;
  /** First repetition: 1. */
  readonly attempt: number;
  readonly nodes: readonly Node[];
}

interface Batch {
  readonly seqNum: number;
  readonly attempt: number;
  readonly joinUntilMs: number;
  readonly entries: Map<Node, Intent | undefined>;
  readonly timer: Timer;
}

/** Waits with failed values until they may be tried again; values of one transaction that fail together return together. */
export class RetryQueue {
  readonly #clock: Clock;
  readonly #due: (retries: DueRetries) => void;
  /** By transaction and attempt: the batch that values may still join, and older ones that wait beside it. */
  readonly #batches = new Map<string, Set<Batch>>();

  constructor(clock: Clock, due: (retries: DueRetries) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  get size(): number {
    let size = 0;
    for (const batches of this.#batches.values()) for (const { entries } of batches) size += entries.size;
    return size;
  }

  add(node: Node): void {
    const { intent, attempts } = node;
    if (!intent?.retry) return;
    const { periodMs, expBackoff, maxPeriodMs } = intent.retry;
    const factor = expBackoff ? 2 : 1;
    const delayMs = backoffDelay(attempts, { initialMs: periodMs, maxMs: maxPeriodMs, factor, jitter: 0 });
    const now = this.#clock.monotonic();
    const name = `${intent.seqNum} ${attempts}`;
    const batches = this.#batches.get(name) ?? new Set();
    this.#batches.set(name, batches);
    for (const batch of batches) {
      if (now > batch.joinUntilMs) continue;
      batch.entries.set(node, intent);
      return;
    }
    const batch: Batch = {
      seqNum: intent.seqNum,
      attempt: attempts,
      joinUntilMs: now + delayMs / 10,
      entries: new Map([[node, intent]]),
      timer: this.#clock.after(delayMs, () => this.#fire(name, batches, batch)),
    };
    batches.add(batch);
  }

  #fire(name: string, batches: Set<Batch>, batch: Batch): void {
    batches.delete(batch);
    if (batches.size === 0) this.#batches.delete(name);
    const { seqNum, attempt, entries } = batch;
    const nodes: Node[] = [];
    for (const [node, intent] of entries) {
      // Changed, removed or put in place meanwhile: nothing to repeat.
      if (node.intent !== intent || node.failure?.state !== "RETRYING" || node.attempts !== attempt) continue;
      nodes.push(node);
    }
    if (nodes.length > 0) this.#due({ seqNum, attempt, nodes });
  }

  close(): void {
    for (const batches of this.#batches.values()) for (const { timer } of batches) timer.cancel();
    this.#batches.clear();
  }
}
