import { type DepSet, noDeps } from "./dependency.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";

/**
 * Copies every node into an empty graph, with relations, but without calls, waiters and memory of failures' retries.
 * @returns the copies by original
 */
export function copyGraph(from: Graph, to: Graph): Map<Node, Node> {
  const copies = new Map<Node, Node>();
  for (const node of from.nodes.values()) copies.set(node, copyFields(node, to));
  to.copyIndex(from, copies);
  for (const [node, copy] of copies) {
    copy.base = node.base && copies.get(node.base);
    for (const child of node.derived?.values() ?? []) {
      const childCopy = copies.get(child);
      copy.derived ??= new Map();
      if (childCopy) copy.derived.set(child.key, childCopy);
    }
    if (!copy.base) to.list(copy);
    to.claims.hold(copy, copy.claims);
    copyDependencies(node, copy, to, copies);
  }
  return copies;
}

function copyFields(node: Node, to: Graph): Node {
  const copy = to.ensure(node.key);
  copy.origin = node.origin;
  copy.wanted = node.wanted;
  copy.intent = node.intent;
  copy.resolved = node.resolved;
  copy.invalid = node.invalid;
  copy.wantedClaims = node.wantedClaims;
  copy.notifiedMetadata = node.notifiedMetadata;
  copy.exists = node.exists;
  copy.value = node.value;
  copy.metadata = node.metadata;
  copy.claims = node.claims;
  copy.uncertain = node.uncertain;
  copy.compared = node.compared;
  copy.available = node.available;
  copy.leaving = node.leaving;
  copy.derivedLeaving = node.derivedLeaving;
  copy.derivedFor = node.derivedFor;
  copy.derivedIntent = node.derivedIntent;
  copy.mayCycle = node.mayCycle;
  copy.failure = node.failure;
  copy.attempts = node.attempts;
  copy.recreating = node.recreating;
  copy.givenUp = node.givenUp;
  copy.state = node.state;
  copy.error = node.error;
  copy.lastOperation = node.lastOperation;
  return copy;
}

function copyDependencies(node: Node, copy: Node, to: Graph, copies: ReadonlyMap<Node, Node>): void {
  const copySet = (set: DepSet): DepSet => {
    if (set === noDeps) return noDeps;
    const made = to.depend(copy, set.definitions);
    set.deps.forEach((dep, i) => {
      const other = made.deps[i];
      const witness = dep.witness && copies.get(dep.witness);
      if (other?.witness && witness?.available) to.standOn(other, witness);
      if (!dep.broken || !other) return;
      other.broken = true;
      made.broken++;
    });
    return made;
  };
  copy.bound = copySet(node.bound);
  copy.needs = node.needs === node.bound ? copy.bound : copySet(node.needs);
  if (node.bound.bound) to.bind(copy.bound);
}
