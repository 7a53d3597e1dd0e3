import type { Node } from "./node.ts";

/**
 * Values may depend on each other in a circle: the two ends of a veth pair do. The members of such a circle (a
 * strongly connected component) are treated as one: when everything outside it is there, they are created one after
 * the other, and removed likewise. Finding circles costs nothing for the usual case, because it starts only when a
 * value that others depend on gets a dependency that itself has dependencies.
 */
export function markCycles(owner: Node): void {
  // With a dependency on itself, a value is among its own dependants.
  if ((owner.dependants?.size ?? 0) === 0) return;
  for (const target of wantedTargets(owner)) {
    if (target !== owner && (target.needs.deps.length === 0 || !reach(target, wantedTargets, owner))) continue;
    for (const node of component(owner)) node.mayCycle = true;
  }
}

/**
 * Whether a value is ready in spite of what it lacks. `ready`: it lacks only members of its own circle, and these lack
 * only each other. `busy`: that may be so, but another member is being worked on, and only one has its turn at a time.
 */
export function readinessInCycle(node: Node): "ready" | "busy" | "lacking" {
  if (!node.mayCycle) return "lacking";
  const members = component(node, isCircular);
  let isBusy = false;
  for (const member of members) {
    if (member.wanted === undefined || member.origin === "SB" || (member.resolved && member.invalid)) return "lacking";
    for (const dep of member.needs.deps) {
      if (!dep.met && !(dep.target && members.has(dep.target))) return "lacking";
    }
    if (member === node) continue;
    if (member.leaving || !member.resolved || (!node.exists && (member.call || member.held > 0))) isBusy = true;
  }
  return isBusy ? "busy" : "ready";
}

/** Members of the node's circle that wait for their turn. */
export function waitingInCycle(node: Node): Node[] {
  if (!node.mayCycle) return [];
  return [...component(node, isCircular)].filter((member) => member.awaiting);
}

/** True if whatever still relies on the leaving node is itself waiting for that node to go. */
export function cutsCycle(node: Node): boolean {
  if (!node.mayCycle) return false;
  for (const dep of [...(node.dependants ?? []), ...(node.witnessOf ?? [])]) {
    const owner = dep.set.owner;
    if (!dep.set.bound || !owner) continue;
    if (!owner.leaving || owner.call || !waitsFor(owner, node)) return false;
  }
  return true;
}

/** Follows "must be gone before" from a leaving node through other leaving nodes. */
function waitsFor(from: Node, goal: Node): boolean {
  return reach(
    from,
    (node) => {
      if (node !== from && (!node.leaving || node.call)) return [];
      return [...(node.dependants ?? [])].flatMap((dep) => (dep.set.bound && dep.set.owner ? [dep.set.owner] : []));
    },
    goal,
  );
}

/** Whether `goal` can be reached from a node in one or more steps. */
function reach(from: Node, next: (node: Node) => Node[], goal: Node): boolean {
  return explore(from, next, goal).has(goal);
}

/** Everything reachable from a node in one or more steps, or what was seen before `goal` was. */
function explore(from: Node, next: (node: Node) => Node[], goal?: Node): Set<Node> {
  const seen = new Set<Node>();
  const stack = next(from);
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node === goal) break;
    for (const following of next(node)) stack.push(following);
  }
  return seen;
}

/** The strongly connected component of a node: what it reaches and what reaches it back, both found in one walk each. */
function component(of: Node, among: (node: Node) => boolean = () => true): Set<Node> {
  const backward = explore(of, (node) => wantedSources(node).filter(among));
  const members = new Set<Node>([of]);
  for (const node of explore(of, (node) => wantedTargets(node).filter(among)))
    if (backward.has(node)) members.add(node);
  return members;
}

function wantedTargets(node: Node): Node[] {
  return node.needs.deps.flatMap((dep) => (dep.target ? [dep.target] : []));
}

/** Nodes whose wanted value names this one. */
function wantedSources(node: Node): Node[] {
  return [...(node.dependants ?? [])].flatMap(({ set }) => (set.owner && set.owner.needs === set ? [set.owner] : []));
}

function isCircular(node: Node): boolean {
  return node.mayCycle;
}
