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
  for (const target of allTargets(owner)) {
    if (target !== owner && (isRoot(target) || !reach(target, allTargets, owner))) continue;
    const backward = explore(owner, allSources);
    owner.mayCycle = true;
    for (const node of explore(owner, allTargets)) if (backward.has(node)) node.mayCycle = true;
  }
}

function isRoot(node: Node): boolean {
  return node.needs.deps.length === 0 && node.bound.deps.length === 0;
}

/** What the wanted value names, and the one southbound. */
function allTargets(node: Node): Node[] {
  const { needs, bound } = node;
  const deps = needs === bound ? needs.deps : [...needs.deps, ...bound.deps];
  return deps.flatMap((dep) => (dep.target ? [dep.target] : []));
}

function allSources(node: Node): Node[] {
  return [...(node.dependants ?? [])].flatMap(({ set }) => (set.owner ? [set.owner] : []));
}

/**
 * Whether a value is ready in spite of what it lacks. `ready`: it lacks only members of its own circle, and these lack
 * only each other. `busy`: that may be so, but another member is being worked on, and only one has its turn at a time.
 */
export function readinessInCycle(node: Node): "ready" | "busy" | "lacking" {
  if (!node.mayCycle) return "lacking";
  const members = component(node);
  let isBusy = false;
  for (const member of members) {
    if (member.wanted === undefined || member.origin === "SB" || (member.resolved && member.invalid)) return "lacking";
    for (const dep of member.needs.deps) {
      if (!dep.met && !(dep.target && members.has(dep.target))) return "lacking";
    }
    if (member === node) continue;
    if (!member.leaving && member.resolved && (node.exists || (!member.call && member.held === 0))) continue;
    // One that could not be removed, or does not return, is not going to make room soon.
    if (!member.inMotion) return "lacking";
    isBusy = true;
  }
  return isBusy ? "busy" : "ready";
}

/** Members of the node's circle that wait for their turn. */
export function waitingInCycle(node: Node): Node[] {
  if (!node.mayCycle) return [];
  return [...component(node)].filter((member) => member.awaiting);
}

/** True if whatever still relies on the leaving node is itself waiting for that node to go. */
export function cutsCycle(node: Node): boolean {
  if (!node.mayCycle) return false;
  for (const dep of [...(node.dependants ?? []), ...(node.witnessOf ?? [])]) {
    const owner = dep.set.owner;
    if (!dep.set.bound || !owner) continue;
    if (!waitsInCycle(owner, node)) return false;
  }
  return true;
}

/** True if a leaving node in turn only waits for `other` to go. */
export function waitsInCycle(node: Node, other: Node): boolean {
  return other.mayCycle && node.leaving && !node.call && waitsFor(node, other);
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

/** The strongly connected component of what is wanted: what the node reaches and what reaches it back. */
function component(of: Node): Set<Node> {
  const members = new Set<Node>([of]);
  const backward = explore(of, circularSources);
  for (const node of explore(of, circularTargets)) if (backward.has(node)) members.add(node);
  return members;
}

function circularTargets(node: Node): Node[] {
  return node.needs.deps.flatMap((dep) => (dep.target?.mayCycle ? [dep.target] : []));
}

function circularSources(node: Node): Node[] {
  return [...(node.dependants ?? [])].flatMap(({ set }) => {
    const { owner } = set;
    return owner?.mayCycle && owner.needs === set ? [owner] : [];
  });
}
