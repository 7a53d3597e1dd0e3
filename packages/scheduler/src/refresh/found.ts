import type { RetrievedValue } from "../descriptor.ts";
import type { Engine } from "../engine/engine.ts";
import { vanish } from "../engine/remove.ts";
import { dropUnused, isSame } from "../engine/resolve.ts";
import { markCycles } from "../graph/cycle.ts";
import { type DepSet, noDeps } from "../graph/dependency.ts";
import type { Intent, Node } from "../graph/node.ts";
import type { KeyValue, ValueOrigin } from "../value.ts";

export interface Finding {
  /** Logical time when the read began: what changed since is better known than what was read. */
  readonly since: number;
  readonly intent: Intent;
  originOf(found: RetrievedValue): ValueOrigin;
  /** Everything was read, so a value that stands on one that is missing was itself just seen, or not. */
  readonly tolerated?: (owner: Node) => boolean;
}

/** Takes over what a read found for one key, with everything derived from it. */
export function found(engine: Engine, value: RetrievedValue, finding: Finding): void {
  const node = engine.graph.ensure(value.key);
  if (isNewer(node, finding) || node.base) {
    engine.graph.release(node);
    return;
  }
  // A delete that failed starts again from the beginning: the derived values may be back, too.
  if (node.failure?.operation === "DELETE") node.leaving = false;
  const known = node.exists || node.wanted !== undefined || node.state !== "NONEXISTENT";
  if (!known) {
    node.origin = finding.originOf(value);
    node.intent = finding.intent;
    if (node.origin === "SB") engine.want(node, value.value, "SB", finding.intent);
    else engine.graph.list(node);
  } else if (node.origin === "SB") engine.want(node, value.value, "SB", finding.intent);
  if (node.descriptor?.descriptor.withMetadata && node.metadata !== value.metadata) {
    node.metadata = value.metadata;
    engine.hooks.metadata(node);
  }
  node.notifiedMetadata = node.metadata;
  exists(engine, node, value.value);
  if (!known) engine.setState(node, node.origin === "SB" ? "OBTAINED" : "DISCOVERED");
  findDerived(engine, node, finding);
  if (isUsable(node)) engine.graph.becameAvailable(node);
}

function isUsable(node: Node): boolean {
  return node.wanted !== undefined && !node.leaving && node.bound.unmet === 0;
}

/** A read did not find the key. */
export function missing(engine: Engine, node: Node, finding: Finding): void {
  if (isNewer(node, finding) || !node.exists) return;
  if (node.origin === "SB") engine.want(node, undefined, "SB", finding.intent);
  const state = node.state;
  vanish(engine, node, finding.tolerated);
  if (node.wanted !== undefined && (state === "CONFIGURED" || state === "DISCOVERED")) engine.setState(node, "MISSING");
}

function isNewer(node: Node, finding: Finding): boolean {
  return node.call !== undefined || node.changedAt > finding.since;
}

function exists(engine: Engine, node: Node, value: unknown): void {
  const before = node.bound;
  const unchanged = node.exists && isSame(node, node.value, value);
  node.exists = true;
  node.uncertain = undefined;
  if (unchanged) return;
  node.value = value;
  node.bound = node.origin === "SB" ? noDeps : depsOf(engine, node);
  if (before !== node.bound) {
    engine.graph.unbind(before);
    dropUnused(engine, node, before);
  }
  // A delete that failed for good must not hold up others again.
  if (!(node.failure?.operation === "DELETE" && node.failure.state === "FAILED")) engine.graph.bind(node.bound);
  markCycles(node);
  if (node.origin !== "SB") holdClaims(engine, node);
  // What is wanted may share its dependencies with what was found.
  node.resolved = false;
}

function depsOf(engine: Engine, node: Node): DepSet {
  try {
    const definitions = node.descriptor?.descriptor.dependencies?.(node.key, node.value) ?? [];
    return engine.graph.depend(node, definitions);
  } catch (error) {
    engine.logger.warn("dependencies of a retrieved value cannot be told", { key: node.key, error });
    return noDeps;
  }
}

function holdClaims(engine: Engine, node: Node): void {
  const { key, value } = node;
  try {
    node.claims = node.descriptor?.descriptor.claims?.(key, value) ?? [];
  } catch (error) {
    engine.logger.warn("claims of a retrieved value cannot be told", { key, error });
  }
  engine.graph.claims.hold(node, node.claims);
}

function findDerived(engine: Engine, node: Node, finding: Finding): void {
  let derived: readonly KeyValue[] = [];
  try {
    derived = node.descriptor?.descriptor.derivedValues?.(node.key, node.value) ?? [];
  } catch (error) {
    engine.logger.warn("derived values of a retrieved value cannot be told", { key: node.key, error });
  }
  const keys = new Set<string>();
  for (const { key, value } of derived) {
    keys.add(key);
    findChild(engine, node, key, value, finding);
  }
  for (const child of node.derived?.values() ?? []) {
    if (keys.has(child.key) || isNewer(child, finding)) continue;
    if (child.wanted !== undefined && (node.origin === "SB" || node.wanted === undefined)) {
      engine.want(child, undefined, child.origin, finding.intent);
      engine.touch(child, node);
    }
    if (child.wanted !== undefined && child.state === "CONFIGURED") engine.setState(child, "MISSING");
    vanish(engine, child, finding.tolerated);
  }
  node.derivedFor = undefined;
}

function findChild(engine: Engine, node: Node, key: string, value: unknown, finding: Finding): void {
  const child = engine.graph.ensure(key);
  if (isNewer(child, finding) || value === undefined || value === null) {
    engine.graph.release(child);
    return;
  }
  const isNew = child.base !== node;
  if (isNew) {
    if (child.base || child.wanted !== undefined || child.exists) return;
    child.base = node;
    node.derived ??= new Map();
    node.derived.set(key, child);
    node.derivedLeaving++;
    // Its base is going: it must go first.
    if (node.leaving) engine.touch(child, node);
  }
  child.origin = node.origin;
  exists(engine, child, value);
  // A child that is on its way out stays so, whatever was found of it.
  if (isNew && !node.leaving) engine.want(child, value, node.origin, node.intent ?? finding.intent);
  if (child.state === "NONEXISTENT") engine.setState(child, node.origin === "SB" ? "OBTAINED" : "DISCOVERED");
  if (node.wanted !== undefined && !node.leaving && isUsable(child)) engine.graph.becameAvailable(child);
}
