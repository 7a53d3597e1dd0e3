import { CodedError } from "@nsmkit/core";
import { noDeps } from "../graph/dependency.ts";
import type { Node } from "../graph/node.ts";
import type { SouthboundCall } from "./call.ts";
import { setDerived } from "./derive.ts";
import type { Engine } from "./engine.ts";
import { giveUp } from "./remove.ts";
import { dropUnused, isSame } from "./resolve.ts";

/** An operation did what it should. */
export function succeed(engine: Engine, call: SouthboundCall, metadata: unknown): void {
  const { node } = call;
  node.call = undefined;
  node.failure = undefined;
  node.attempts = 0;
  node.uncertain = undefined;
  engine.graph.changed(node);
  if (call.operation === "DELETE") removed(engine, call);
  else put(engine, call, metadata);
  engine.touch(node, node);
}

function put(engine: Engine, call: SouthboundCall, metadata: unknown): void {
  const { node } = call;
  const { graph } = engine;
  const before = node.bound;
  node.exists = true;
  node.value = call.value;
  node.bound = call.needs;
  graph.bind(call.needs);
  if (before !== call.needs) {
    graph.unbind(before);
    dropUnused(engine, node, before);
  }
  releaseClaims(engine, node, call.claims);
  node.leaving = false;
  node.recreating = false;
  keepMetadata(engine, node, call.operation === "UPDATE" ? (metadata ?? node.metadata) : metadata);
  engine.setState(node, node.origin === "SB" ? "OBTAINED" : "CONFIGURED");
  recordCall(engine, call, undefined);
  const wanted = node.wanted !== undefined && isSame(node, call.value, node.wanted);
  if (!wanted || call.needs.broken > 0) return;
  setDerived(engine, node);
  graph.becameAvailable(node);
}

function removed(engine: Engine, call: SouthboundCall): void {
  const { node } = call;
  const makesRoom = node.wanted !== undefined && node.recreating;
  noLongerExists(engine, node);
  engine.setState(node, node.wanted === undefined || makesRoom ? "REMOVED" : "PENDING");
  recordCall(engine, call, undefined);
}

/** Notes that nothing is southbound for this key any more. */
export function noLongerExists(engine: Engine, node: Node): void {
  const { bound } = node;
  node.exists = false;
  node.value = undefined;
  node.leaving = false;
  node.derivedFor = undefined;
  node.uncertain = undefined;
  node.bound = noDeps;
  engine.graph.unbind(bound);
  dropUnused(engine, node, bound);
  releaseClaims(engine, node, []);
  keepMetadata(engine, node, undefined);
}

/** An operation failed, was cancelled, or did not return in time. */
export function fail(engine: Engine, call: SouthboundCall, error: unknown): void {
  const { node } = call;
  if (!call.overdue) {
    node.call = undefined;
    engine.graph.changed(node);
  }
  if (call.aborted && !call.overdue) recordCall(engine, call, call.aborted);
  else markFailed(engine, call, error);
  if (!call.overdue) settleDoubt(engine, call);
  engine.touch(node, node);
}

/** Nobody knows what a failed call has done: has it read back, or else assumes what is safe. */
function settleDoubt(engine: Engine, call: SouthboundCall): void {
  const { node, operation } = call;
  if (engine.hooks.refresh(node)) {
    node.unsure = call;
    return;
  }
  undo(engine, call);
  if (operation !== "CREATE") node.uncertain = operation;
}

function markFailed(engine: Engine, call: SouthboundCall, error: unknown): void {
  const { node, operation, run } = call;
  const { intent } = node;
  node.attempts++;
  const policy = run.revertOnFailure && !intent?.revert ? undefined : intent?.retry;
  const again =
    policy &&
    (policy.maxCount === 0 || node.attempts <= policy.maxCount) &&
    (node.descriptor?.isRetriable(error) ?? true);
  const state = again ? "RETRYING" : "FAILED";
  node.failure = { operation, error, state };
  engine.setState(node, state, error);
  recordCall(engine, call, error);
  if (again) engine.hooks.retry(node);
  if (operation === "DELETE" && (!again || call.overdue)) giveUp(engine, node);
  engine.reportError(run.closed ? node.cause : run, node, operation, error);
}

/** The call's time is up. It is told so; what it does from now on is found out when it returns. */
export function expire(engine: Engine, call: SouthboundCall): void {
  const { node } = call;
  const seconds = (node.descriptor?.timeoutMs ?? 0) / 1000;
  const error = new CodedError(
    "DEADLINE_EXCEEDED",
    `${call.operation.toLowerCase()} of ${node.key} did not finish within ${seconds} s`,
    call.aborted ? { cause: call.aborted } : {},
  );
  call.cancel(error);
  call.overdue = true;
  // A slot held by a call that ignores its signal would be lost to the others for as long as it likes.
  call.leaveGate?.();
  call.leaveGate = undefined;
  if (call.operation !== "DELETE" && call.needs !== node.bound) engine.graph.unbind(call.needs);
  engine.contain(node, () => fail(engine, call, error));
  engine.drain();
}

/** Prepares for the outcome of a call that had been reported as failed. */
export function returnedLate(engine: Engine, call: SouthboundCall): void {
  const { node } = call;
  call.overdue = false;
  call.run = engine.runFor(node, `late end of ${call.operation.toLowerCase()} of ${node.key}`);
  if (node.retryOnReturn) node.failure = undefined;
  node.retryOnReturn = false;
}

/** Takes back what beginning a create or update had reserved. */
export function undo(engine: Engine, call: SouthboundCall): void {
  const { node } = call;
  if (call.operation === "DELETE") {
    dropUnused(engine, node, call.needs);
    return;
  }
  if (call.needs !== node.bound) engine.graph.unbind(call.needs);
  dropUnused(engine, node, call.needs);
  const extra = call.claims.filter((name) => !node.claims.includes(name));
  for (const waiter of engine.graph.claims.free(node, extra)) engine.touch(waiter, node);
}

function releaseClaims(engine: Engine, node: Node, keep: readonly string[]): void {
  const { claims } = node;
  node.claims = keep;
  if (claims === keep || claims.length === 0) return;
  const freed = claims.filter((name) => !keep.includes(name));
  for (const waiter of engine.graph.claims.free(node, freed)) engine.touch(waiter, node);
}

function keepMetadata(engine: Engine, node: Node, metadata: unknown): void {
  if (!node.descriptor?.descriptor.withMetadata || node.base || metadata === node.metadata) return;
  node.metadata = metadata;
  engine.hooks.metadata(node);
}

function recordCall(engine: Engine, call: SouthboundCall, error: unknown): void {
  const { node, run } = call;
  engine.hooks.changed(node);
  engine.record(run.closed ? node.cause : run, node, {
    operation: call.operation,
    newValue: call.operation === "DELETE" && node.wanted === undefined ? undefined : call.value,
    newError: error,
    prevState: call.prevState,
    prevValue: call.prevValue,
    prevError: call.prevError,
    noop: false,
    recreate: call.recreate,
  });
}
