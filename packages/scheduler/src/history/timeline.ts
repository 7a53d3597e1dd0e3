import type { Dependency } from "../descriptor.ts";
import type { Node } from "../graph/node.ts";
import type { RegisteredDescriptor } from "../registry.ts";
import type { ValueState } from "../value.ts";
import type { HistoryLimits } from "./transactions.ts";

/** One revision of a node: what was known of its value from `sinceMs` until `untilMs` (undefined: still). */
export interface Revision {
  readonly key: string;
  readonly label: string;
  readonly sinceMs: number;
  untilMs: number | undefined;
  readonly state: ValueState;
  readonly error: unknown;
  readonly value: unknown;
  readonly available: boolean;
  readonly lastUpdate: number | undefined;
  readonly descriptor: RegisteredDescriptor | undefined;
  readonly baseKey: string | undefined;
  readonly dependencies: readonly Dependency[];
  readonly metadata: unknown;
}

/** A value that flaps for a day must not fill the memory. */
const maxRevisionsPerKey = 1000;

/** Every revision of every key, for as long as history is kept. */
export class Timeline {
  readonly #limits: HistoryLimits;
  readonly #startMs: number;
  readonly #revisions = new Map<string, Revision[]>();
  readonly #changed = new Set<Node>();

  constructor(limits: HistoryLimits, startMs: number) {
    this.#limits = limits;
    this.#startMs = startMs;
  }

  /** The node will get a new revision at the next `commit`, however often it changes before. */
  changed(node: Node): void {
    if (this.#limits.record) this.#changed.add(node);
  }

  commit(nowMs: number): void {
    for (const node of this.#changed) this.#add(node, nowMs);
    this.#changed.clear();
  }

  #add(node: Node, nowMs: number): void {
    const list = this.#revisions.get(node.key);
    const last = list?.at(-1);
    if (last && last.untilMs === undefined) {
      if (isUnchanged(last, node)) return;
      last.untilMs = nowMs;
    }
    if (node.state === "NONEXISTENT") return;
    const revision = revisionOf(node, nowMs);
    if (list) list.push(revision);
    else this.#revisions.set(node.key, [revision]);
  }

  of(key: string): readonly Revision[] {
    return this.#revisions.get(key) ?? [];
  }

  all(): Iterable<readonly Revision[]> {
    return this.#revisions.values();
  }

  /** The revision of a key at a time. */
  at(key: string, timeMs: number): Revision | undefined {
    return this.#revisions
      .get(key)
      ?.findLast(({ sinceMs, untilMs }) => sinceMs <= timeMs && timeMs < (untilMs ?? Infinity));
  }

  trim(nowMs: number): void {
    const { ageLimitMs, initPeriodMs } = this.#limits;
    for (const [key, list] of this.#revisions) {
      const kept = list.filter(
        ({ sinceMs, untilMs }) =>
          untilMs === undefined || sinceMs - this.#startMs <= initPeriodMs || nowMs - untilMs <= ageLimitMs,
      );
      kept.splice(0, kept.length - maxRevisionsPerKey);
      if (kept.length === 0) this.#revisions.delete(key);
      else if (kept.length < list.length) this.#revisions.set(key, kept);
    }
  }
}

function isUnchanged(last: Revision, node: Node): boolean {
  return (
    last.state === node.state &&
    last.error === node.error &&
    last.value === shownValue(node) &&
    last.available === node.available &&
    last.lastUpdate === node.intent?.seqNum &&
    last.metadata === node.metadata
  );
}

function shownValue(node: Node): unknown {
  return node.exists ? node.value : node.wanted;
}

function revisionOf(node: Node, nowMs: number): Revision {
  return {
    key: node.key,
    label: node.label,
    sinceMs: nowMs,
    untilMs: undefined,
    state: node.state,
    error: node.error,
    value: shownValue(node),
    available: node.available,
    lastUpdate: node.intent?.seqNum,
    descriptor: node.descriptor,
    baseKey: node.base?.key,
    dependencies: (node.exists ? node.bound : node.needs).definitions,
    metadata: node.metadata,
  };
}
