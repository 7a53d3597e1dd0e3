import type { Node } from "../graph/node.ts";
import { type CallOperation, SouthboundCall } from "./call.ts";
import type { Engine } from "./engine.ts";
import type { CallGate } from "./gate.ts";
import { expire, fail, returnedLate, succeed, undo } from "./outcome.ts";
import { isPromise } from "./southbound.ts";

/** Begins an operation. It may have ended when this returns. */
export function begin(engine: Engine, node: Node, operation: CallOperation): void {
  const run = engine.runFor(node, `${operation.toLowerCase()} of ${node.key}`);
  const call = new SouthboundCall(operation, node, run);
  node.beforeWaiting = undefined;
  node.call = call;
  engine.graph.changed(node);
  if (operation !== "DELETE") {
    engine.graph.bind(call.needs);
    engine.graph.claims.hold(node, call.claims);
  }
  if (!engine.southbound.hasCall(node)) {
    call.begun = true;
    succeed(engine, call, node.notifiedMetadata);
    return;
  }
  const gate = node.descriptor?.gate;
  if (!gate) {
    perform(engine, call, undefined);
    return;
  }
  const turn = (): void => {
    if (engine.closed) return;
    perform(engine, call, gate);
    engine.drain();
  };
  if (gate.enter(turn)) {
    perform(engine, call, gate);
    return;
  }
  call.leaveGate = () => gate.cancel(turn);
  engine.showWaiting(call.node);
}

/** Gives up a call that has not been made yet. */
export function abandonQueued(engine: Engine, call: SouthboundCall): void {
  call.leaveGate?.();
  call.node.call = undefined;
  undo(engine, call);
}

function perform(engine: Engine, call: SouthboundCall, gate: CallGate | undefined): void {
  call.begun = true;
  call.leaveGate = gate && (() => gate.leave());
  engine.hooks.called(call, "began");
  let result: unknown;
  try {
    result = engine.southbound.perform(call);
  } catch (error) {
    ended(engine, call);
    fail(engine, call, error);
    return;
  }
  if (!isPromise(result)) {
    ended(engine, call);
    succeed(engine, call, result);
    return;
  }
  engine.calls.add(call);
  engine.showWaiting(call.node);
  const boundMs = call.node.descriptor?.timeoutMs;
  if (boundMs !== undefined) call.cancelDeadline = engine.deadlines?.add(boundMs, () => expire(engine, call));
  call.returned = Promise.resolve(result).then(
    (metadata) => returned(engine, call, () => succeed(engine, call, metadata)),
    (error: unknown) => returned(engine, call, () => fail(engine, call, error)),
  );
}

function returned(engine: Engine, call: SouthboundCall, take: () => void): void {
  ended(engine, call);
  if (engine.closed) return;
  engine.contain(call.node, () => {
    const wasOverdue = call.overdue;
    if (wasOverdue) returnedLate(engine, call);
    take();
    // Much may have happened since it was given up: better look. (After a failure that is done anyway.)
    if (wasOverdue && !call.node.unsure) engine.hooks.refresh(call.node);
  });
  engine.drain();
}

function ended(engine: Engine, call: SouthboundCall): void {
  call.cancelDeadline?.();
  engine.calls.delete(call);
  engine.hooks.called(call, "ended");
  call.leaveGate?.();
  call.leaveGate = undefined;
}
