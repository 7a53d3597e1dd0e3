import { isDeepStrictEqual as isEqual } from "node:util";
import type { Dependency } from "../descriptor.ts";
import { markCycles, waitingInCycle } from "../graph/cycle.ts";
import { type DepSet, noDeps } from "../graph/dependency.ts";
import type { Node } from "../graph/node.ts";
import type { Engine } from "./engine.ts";

/** Works out what follows from the wanted value: whether it is valid, what it needs, what it claims. */
export function resolve(engine: Engine, node: Node): void {
  if (node.resolved) return;
  node.resolved = true;
  wakeCircle(engine, node);
  node.invalid = node.unusableKey;
  if (node.origin === "SB") {
    setNeeds(engine, node, noDeps);
    node.wantedClaims = [];
    return;
  }
  const { wanted, call } = node;
  if (call && !call.aborted && call.operation !== "DELETE" && isSame(node, call.value, wanted)) {
    setNeeds(engine, node, call.needs);
    node.wantedClaims = call.claims;
    return;
  }
  const descriptor = node.descriptor?.descriptor;
  if (node.invalid || !descriptor) {
    setNeeds(engine, node, noDeps);
    return;
  }
  try {
    descriptor.validate?.(node.key, wanted);
    const definitions = descriptor.dependencies?.(node.key, wanted) ?? [];
    node.wantedClaims = descriptor.claims?.(node.key, wanted) ?? [];
    const isBound = node.exists && isSameList(node.bound.definitions, definitions);
    setNeeds(engine, node, isBound ? node.bound : engine.graph.depend(node, definitions));
    markCycles(node);
  } catch (error) {
    node.invalid = { error };
    setNeeds(engine, node, noDeps);
  }
}

/** The node is about to leave its circle, perhaps: members that wait for their turn should look again. */
export function wakeCircle(engine: Engine, node: Node): void {
  for (const member of waitingInCycle(node)) engine.touch(member, node);
}

function setNeeds(engine: Engine, node: Node, needs: DepSet): void {
  const before = node.needs;
  node.unsettledCircle = true;
  node.needs = needs;
  dropUnused(engine, node, before);
}

/** Forgets a dependency set that none of the node's revisions uses any more. */
export function dropUnused(engine: Engine, node: Node, set: DepSet): void {
  if (set === node.needs || set === node.bound || set === node.call?.needs || set === node.unsure?.needs) return;
  engine.graph.discard(set);
}

/** Whether both lists name the same exact keys under the same labels. */
function isSameList(a: readonly Dependency[], b: readonly Dependency[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, i) => one.key !== undefined && one.key === b[i]?.key && one.label === b[i]?.label)
  );
}

/** Whether two values of this key mean the same configuration. A comparison that throws says that they do not. */
export function isSame(node: Node, oldValue: unknown, newValue: unknown): boolean {
  if (oldValue === newValue) return true;
  if (oldValue === undefined || newValue === undefined) return false;
  const last = node.compared;
  if (last && last.value === oldValue && last.wanted === newValue) return last.same;
  const same = compare(node, oldValue, newValue);
  node.compared = { value: oldValue, wanted: newValue, same };
  return same;
}

function compare(node: Node, oldValue: unknown, newValue: unknown): boolean {
  try {
    return node.descriptor ? node.descriptor.equal(oldValue, newValue, node.key) : isEqual(oldValue, newValue);
  } catch {
    return false;
  }
}
