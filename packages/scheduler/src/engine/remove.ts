import { CodedError, messageOf } from "@nsmkit/core";
import { cutsCycle, waitsInCycle } from "../graph/cycle.ts";
import { noDeps } from "../graph/dependency.ts";
import type { Node } from "../graph/node.ts";
import { begin } from "./begin.ts";
import { unwantDerived } from "./derive.ts";
import type { Engine } from "./engine.ts";
import { noLongerExists } from "./outcome.ts";
import { wakeCircle } from "./resolve.ts";

/**
 * Takes the value away, step by step: nothing new may stand on it, its derived values go, what stands on it goes or
 * moves off, then it is deleted. Called again whenever one of these has happened.
 */
export function leave(engine: Engine, node: Node): void {
  if (!node.leaving) {
    node.leaving = true;
    node.someStuck = false;
    node.recreating = node.wanted !== undefined && node.resolved && !node.invalid && node.needs.unmet === 0;
    engine.graph.becameUnavailable(node);
    engine.graph.evict(node);
    unwantDerived(engine, node);
  }
  if (node.waitingForClaim !== undefined) {
    engine.graph.claims.stopWaiting(node, node.waitingForClaim);
    node.waitingForClaim = undefined;
  }
  if (node.derivedLeaving > 0 || (node.reliants > 0 && !cutsCycle(node))) waitForBlockers(engine, node);
  else if (node.failure?.operation === "DELETE") engine.rest(node);
  else begin(engine, node, "DELETE");
}

/** Others must go first. If they in turn only wait to be retried, so does this one. */
export function waitForBlockers(engine: Engine, node: Node): void {
  let stuck: Node | undefined;
  for (const blocker of blockersOf(node)) {
    if (waitsInCycle(blocker, node)) continue;
    if (blocker.inMotion) return;
    stuck ??= blocker;
  }
  const why = stuck
    ? `${stuck.key} must be removed first, and that failed: ${messageOf(stuck.error)}`
    : "removal is held up";
  if (node.state !== "RETRYING" || messageOf(node.error) !== why) {
    engine.setState(node, "RETRYING", new CodedError("FAILED_PRECONDITION", why));
  }
  engine.rest(node);
}

function* blockersOf(node: Node): Iterable<Node> {
  if (node.derivedLeaving > 0) {
    for (const child of node.derived?.values() ?? []) if (child.wanted === undefined && !child.givenUp) yield child;
  }
  for (const { set } of node.dependants ?? []) if (set.bound && set.owner) yield set.owner;
  for (const { set } of node.witnessOf ?? []) if (set.bound && set.owner) yield set.owner;
}

/** The delete failed for good. Whoever waited for it must not wait for ever, so it no longer stands in the way. */
export function giveUp(engine: Engine, node: Node): void {
  engine.graph.unbind(node.bound);
  if (node.base && node.wanted === undefined && !node.givenUp) {
    node.givenUp = true;
    noLongerInTheWay(engine, node, node.base);
  }
}

function noLongerInTheWay(engine: Engine, node: Node, base: Node): void {
  base.derivedLeaving--;
  if (base.derivedLeaving === 0 || base.someStuck) engine.touch(base, node);
}

/** Nothing is wanted and nothing is there: the node says so once and is dropped. */
export function forget(engine: Engine, node: Node): void {
  const { base } = node;
  if (node.state !== "NONEXISTENT" && node.state !== "REMOVED") {
    const before = { state: node.state, value: undefined, error: node.error };
    engine.setState(node, "REMOVED");
    engine.recordNoop(node, "DELETE", before);
  }
  wakeCircle(engine, node);
  const { needs } = node;
  node.needs = noDeps;
  node.resolved = false;
  node.failure = undefined;
  engine.graph.discard(needs);
  if (node.waitingForClaim !== undefined) engine.graph.claims.stopWaiting(node, node.waitingForClaim);
  node.waitingForClaim = undefined;
  for (const child of [...(node.derived?.values() ?? [])]) drop(engine, child);
  if (base) {
    if (!node.givenUp) noLongerInTheWay(engine, node, base);
    base.derived?.delete(node.key);
    node.base = undefined;
    node.givenUp = false;
  }
  if (node.mayCycle)
    for (const { set } of node.dependants ?? []) if (set.owner?.mayCycle) engine.touch(set.owner, node);
  engine.setState(node, "NONEXISTENT");
  engine.rest(node);
  engine.graph.release(node);
}

/** A derived value whose removal failed for good goes out of sight with its base. */
function drop(engine: Engine, child: Node): void {
  vanish(engine, child);
  child.base?.derived?.delete(child.key);
  child.base = undefined;
  engine.rest(child);
  engine.graph.release(child);
}

/**
 * The value disappeared from the southbound without us. What is derived from it went with it; what stands on it must
 * go too, unless `tolerated` says that it was itself just seen to exist.
 */
export function vanish(engine: Engine, node: Node, tolerated?: (owner: Node) => boolean): void {
  if (!node.exists || node.call) return;
  for (const child of node.derived?.values() ?? []) vanish(engine, child, tolerated);
  engine.graph.becameUnavailable(node, tolerated);
  if (!tolerated) engine.graph.evict(node);
  noLongerExists(engine, node);
  engine.graph.changed(node);
  engine.touch(node, node);
}
