import { CodedError } from "@nsmkit/core";
import type { Node } from "../graph/node.ts";
import type { Engine } from "./engine.ts";
import { leave } from "./remove.ts";

/**
 * True if nothing else holds what the wanted value claims. Otherwise the node waits (the holder is in motion and may
 * let go), steps back (two values that exchange their claims), or fails (the holder stays).
 */
export function mayClaim(engine: Engine, node: Node): boolean {
  const { claims } = engine.graph;
  const taken = node.wantedClaims.length > 0 ? claims.heldByOther(node, node.wantedClaims) : undefined;
  if (node.waitingForClaim !== undefined && node.waitingForClaim !== taken?.name) {
    claims.stopWaiting(node, node.waitingForClaim);
    node.waitingForClaim = undefined;
  }
  if (!taken) return true;
  claims.wait(node, taken.name);
  node.waitingForClaim = taken.name;
  if (taken.holder.inMotion && !waitsOn(engine, taken.holder, node)) {
    engine.showWaiting(node);
    return false;
  }
  if (node.exists && taken.holder.inMotion) {
    leave(engine, node);
    return false;
  }
  const error = new CodedError(
    "CONFLICT",
    `${node.key} claims "${taken.name}", which ${taken.holder.key} holds; remove or change one of the two`,
    { details: { key: node.key, claim: taken.name, holder: taken.holder.key } },
  );
  const operation = node.exists ? "UPDATE" : "CREATE";
  if (node.state !== "FAILED" || String(node.error) !== String(error)) {
    const before = { state: node.state, value: node.value, error: node.error };
    engine.setState(node, "FAILED", error);
    engine.recordNoop(node, operation, before, error);
    engine.reportError(node.cause, node, operation, error);
  }
  engine.rest(node);
  return false;
}

/** Follows what a node that is not calling anything is waiting for: its claims and its dependencies. */
function waitsOn(engine: Engine, from: Node, goal: Node): boolean {
  const seen = new Set<Node>();
  const stack = [from];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node === goal) return true;
    if (seen.has(node) || node.call || node.leaving || node.held > 0) continue;
    seen.add(node);
    if (node.waitingForClaim !== undefined) {
      const holder = engine.graph.claims.heldByOther(node, [node.waitingForClaim])?.holder;
      if (holder) stack.push(holder);
    }
    if (node.awaiting) for (const dep of node.needs.deps) if (!dep.met && dep.target) stack.push(dep.target);
  }
  return false;
}
