import { CodedError } from "@nsmkit/core";
import { readinessInCycle } from "../graph/cycle.ts";
import type { Node } from "../graph/node.ts";
import { abandonQueued, begin } from "./begin.ts";
import type { SouthboundCall } from "./call.ts";
import { mayClaim } from "./claim.ts";
import { setDerived, unwantObsolete } from "./derive.ts";
import type { Engine } from "./engine.ts";
import { undo } from "./outcome.ts";
import { forget, leave, waitForBlockers } from "./remove.ts";
import { dropUnused, isSame, resolve } from "./resolve.ts";

/** Looks at one touched node and begins at most one operation for it, or puts it to rest, or leaves it waiting. */
export function decide(engine: Engine, node: Node): void {
  if (engine.closed || node.held > 0) return;
  if (node.unsure) endDoubt(engine, node.unsure);
  if (node.call && !settleCall(engine, node)) return;
  if (node.wanted === undefined) {
    if (node.exists) leave(engine, node);
    else forget(engine, node);
    return;
  }
  resolve(engine, node);
  if (node.invalid) refuse(engine, node, node.invalid.error);
  else if (!node.descriptor && !node.base) putAside(engine, node);
  else reconcile(engine, node);
}

/** What a failed call did has been read back by now, or cannot be. */
function endDoubt(engine: Engine, call: SouthboundCall): void {
  call.node.unsure = undefined;
  undo(engine, call);
}

/** A call is running: it goes on, is cancelled, or (true) is out of the way. */
function settleCall(engine: Engine, node: Node): boolean {
  const { call } = node;
  if (!call) return true;
  if (call.overdue) {
    restBehindOverdueCall(engine, node);
    return false;
  }
  if (call.operation === "DELETE" && call.begun) return false;
  const wanted = node.wanted !== undefined && (node.wanted === call.value || isSame(node, call.value, node.wanted));
  if (call.operation === "DELETE" ? !wanted : wanted && call.needs.broken === 0) return false;
  if (!call.begun) {
    abandonQueued(engine, call);
    return true;
  }
  if (node.wanted !== undefined && !wanted) {
    resolve(engine, node);
    // What is wanted now can never be: what was wanted before stays, so it may as well be finished.
    if (node.invalid) return false;
  }
  const why = wanted ? "something it depends on is gone" : "the value was changed meanwhile";
  call.cancel(new CodedError("ABORTED", `${call.operation.toLowerCase()} of ${node.key} was cancelled: ${why}`));
  return false;
}

function restBehindOverdueCall(engine: Engine, node: Node): void {
  const { call } = node;
  if (!call) return;
  if (!node.failure) {
    const doing = call.operation.toLowerCase();
    const error = new CodedError(
      "DEADLINE_EXCEEDED",
      `${node.key}: an earlier ${doing} was cancelled and has not returned`,
    );
    const state = node.intent?.retry ? "RETRYING" : "FAILED";
    node.failure = { operation: call.operation, error, state };
    node.retryOnReturn = true;
    engine.setState(node, state, error);
    engine.reportError(node.cause, node, call.operation, error);
  }
  engine.rest(node);
}

/** The wanted value is refused. What is southbound stays, unless something it stands on goes. */
function refuse(engine: Engine, node: Node, error: unknown): void {
  if (node.exists && node.bound.broken > 0) {
    leave(engine, node);
    return;
  }
  if (node.state !== "INVALID" || node.error !== error) {
    const operation = node.exists ? "UPDATE" : "CREATE";
    const before = { state: node.state, value: node.value, error: node.error };
    engine.setState(node, "INVALID", error);
    engine.recordNoop(node, operation, before, error);
    engine.reportError(node.cause, node, "VALIDATE", error);
  }
  if (node.exists && node.leaving) cancelLeaving(engine, node);
  engine.rest(node);
}

function putAside(engine: Engine, node: Node): void {
  if (node.state !== "UNIMPLEMENTED") {
    const before = { state: node.state, value: undefined, error: node.error };
    engine.setState(node, "UNIMPLEMENTED");
    engine.recordNoop(node, "CREATE", before);
  }
  engine.rest(node);
}

function reconcile(engine: Engine, node: Node): void {
  const same = node.exists && node.uncertain === undefined && isSame(node, node.value, node.wanted);
  const circle = node.needs.unmet === 0 ? "ready" : readinessInCycle(node);
  const ready = circle === "ready";
  const recreate = node.exists && !same && needsRecreate(node);
  if (node.exists && node.bound.broken > 0) {
    if (same || !ready || recreate || !canMoveAway(engine, node)) {
      leave(engine, node);
      return;
    }
  }
  if (!ready) {
    if (!node.exists) node.failure = undefined;
    // One that is already leaving is what others may be waiting for: it does not begin to wait for them.
    if (!node.leaving && (circle === "busy" || isWorthWaiting(node))) {
      node.awaiting = true;
      engine.showWaiting(node);
    } else if (node.exists) leave(engine, node);
    else restPending(engine, node);
  } else if (node.failure && node.failure.operation !== "DELETE") engine.rest(node);
  else if (same) confirm(engine, node);
  else if (recreate) leave(engine, node);
  else if (node.exists) update(engine, node);
  else if (mayClaim(engine, node)) begin(engine, node, "CREATE");
}

export function needsRecreate(node: Node): boolean {
  if (node.uncertain === "DELETE") return true;
  const descriptor = node.descriptor?.descriptor;
  if (node.origin === "SB" || !descriptor?.create) return false;
  if (!descriptor.update) return true;
  const { key, value, wanted, metadata } = node;
  return descriptor.updateWithRecreate?.({ key, oldValue: value, newValue: wanted, metadata }) ?? false;
}

/** What the old value stands on is going, but still there: an update can take the value off it in time. */
function canMoveAway(engine: Engine, node: Node): boolean {
  if (node.failure || node.derivedLeaving > 0) return false;
  if (engine.graph.claims.heldByOther(node, node.wantedClaims)) return false;
  return node.bound.deps.every((dep) => !dep.broken || dep.support?.exists);
}

/** True if every dependency that is missing is itself in motion, and so may yet come. */
function isWorthWaiting(node: Node): boolean {
  return node.needs.deps.every(({ met, target }) => {
    return met || target === node || (target?.inMotion && target.wanted !== undefined);
  });
}

function restPending(engine: Engine, node: Node): void {
  engine.showWaiting(node);
  if (node.state !== "PENDING") {
    node.beforeWaiting = { state: node.state, value: undefined, error: node.error };
    engine.setState(node, "PENDING");
  }
  if (node.beforeWaiting) engine.recordNoop(node, "CREATE", node.beforeWaiting);
  node.beforeWaiting = undefined;
  engine.setState(node, "PENDING");
  engine.rest(node);
}

function update(engine: Engine, node: Node): void {
  unwantObsolete(engine, node);
  if (node.derivedLeaving > 0) waitForBlockers(engine, node);
  else if (mayClaim(engine, node)) begin(engine, node, "UPDATE");
}

/** Southbound is as wanted: makes it official. */
function confirm(engine: Engine, node: Node): void {
  node.value = node.wanted;
  node.failure = undefined;
  node.attempts = 0;
  if (node.bound !== node.needs) rebind(engine, node);
  engine.graph.bind(node.bound);
  if (node.handBack) node.origin = "SB";
  if (node.leaving) cancelLeaving(engine, node);
  const state = node.origin === "SB" ? "OBTAINED" : "CONFIGURED";
  if (node.state !== state || node.error !== undefined) {
    const before = { state: node.state, value: node.value, error: node.error };
    engine.setState(node, state);
    if (before.state !== "DISCOVERED" && before.state !== state) engine.recordNoop(node, "UPDATE", before);
  }
  setDerived(engine, node);
  engine.graph.becameAvailable(node);
  engine.rest(node);
}

/** The same configuration, but written so that it depends on something else. */
function rebind(engine: Engine, node: Node): void {
  const before = node.bound;
  node.bound = node.needs;
  engine.graph.unbind(before);
  dropUnused(engine, node, before);
}

function cancelLeaving(engine: Engine, node: Node): void {
  node.leaving = false;
  node.recreating = false;
  node.derivedFor = undefined;
  engine.graph.becameAvailable(node, true);
  setDerived(engine, node);
}
