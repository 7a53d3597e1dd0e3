import type { Engine } from "./engine/engine.ts";
import { vanish } from "./engine/remove.ts";
import type { Node } from "./graph/node.ts";
import type { Run } from "./transaction/run.ts";

/** A change that happened southbound by itself. `value` undefined or null: it is gone. */
export interface Notification {
  readonly key: string;
  readonly value?: unknown;
  readonly metadata?: unknown;
}

/** Southbound changes that have not been processed: the latest per key, so a storm on one key costs one entry. */
export class NotificationQueue {
  readonly #pending = new Map<string, Notification>();

  get size(): number {
    return this.#pending.size;
  }

  add(change: Notification): void {
    // The last change of a key also takes the last place.
    this.#pending.delete(change.key);
    this.#pending.set(change.key, change);
  }

  take(): Notification[] {
    const changes = [...this.#pending.values()];
    this.#pending.clear();
    return changes;
  }
}

/** Whether a change is the scheduler's business: someone describes the key, and northbound does not manage it. */
export function concerns(engine: Engine, { key, value }: Notification): boolean {
  const node = engine.graph.get(key);
  if (!node || isIdle(node)) {
    if (value === undefined || value === null) return false;
    return engine.graph.ensure(key).descriptor !== undefined;
  }
  return node.origin === "SB" && !node.base;
}

function isIdle(node: Node): boolean {
  return !node.exists && node.wanted === undefined && !node.call && !node.base;
}

/** Takes over what happened southbound; only what depends on it or derives from it has calls made. */
export function applyNotification(engine: Engine, run: Run, { key, value, metadata }: Notification): void {
  const node = engine.graph.ensure(key);
  engine.touch(node, run);
  engine.graph.changed(node);
  if (value === undefined || value === null) {
    run.values.push({ key, value: undefined, origin: "SB", descriptor: node.descriptor });
    engine.want(node, undefined, "SB", run.intent);
    vanish(engine, node);
    return;
  }
  run.values.push({ key, value, origin: "SB", descriptor: node.descriptor });
  node.notifiedMetadata = metadata;
  engine.want(node, value, "SB", run.intent);
}
