import type { Dependency } from "../descriptor.ts";
import type { DescriptorRegistry, RegisteredDescriptor } from "../registry.ts";
import { AnyOf, AnyOfIndex } from "./any-of.ts";
import { Changes } from "./changes.ts";
import { Claims } from "./claims.ts";
import { Dep, DepSet, noDeps } from "./dependency.ts";
import { Node } from "./node.ts";

/** Told that a node should be looked at again, and on whose account. */
export type Touch = (node: Node, because: Node) => void;

/** Nodes, what they stand on, and who must hear when something comes or goes. Decides nothing. */
export class Graph {
  readonly nodes = new Map<string, Node>();
  readonly claims = new Claims();
  readonly #anyOf = new AnyOfIndex();
  readonly #registry: DescriptorRegistry;
  readonly #touch: Touch;
  readonly #byDescriptor = new Map<RegisteredDescriptor, Set<Node>>();
  readonly #changes = new Changes();

  constructor(registry: DescriptorRegistry, touch: Touch) {
    this.#registry = registry;
    this.#touch = touch;
  }

  changed(node: Node): void {
    this.#changes.changed(node);
  }

  /** Until `end`, what changes is remembered, also of keys that are forgotten meanwhile. */
  beginRead(): { readonly since: number; end(): void } {
    return this.#changes.beginRead();
  }

  get(key: string): Node | undefined {
    return this.nodes.get(key);
  }

  ensure(key: string): Node {
    let node = this.nodes.get(key);
    if (!node) {
      node = new Node(key);
      this.describe(node);
      node.changedAt = this.#changes.lastOf(key);
      this.nodes.set(key, node);
    }
    return node;
  }

  /** Looks up who answers for the node's key. */
  describe(node: Node): void {
    try {
      node.descriptor = this.#registry.find(node.key);
      node.label = node.descriptor?.label(node.key) ?? node.key;
    } catch (error) {
      node.unusableKey = { error };
    }
  }

  /** Lists the node among the base values of its descriptor. */
  list(node: Node): void {
    if (!node.descriptor) return;
    const listed = this.#byDescriptor.get(node.descriptor);
    if (listed) listed.add(node);
    else this.#byDescriptor.set(node.descriptor, new Set([node]));
  }

  /** Base values of a descriptor that are wanted or exist. */
  baseNodes(descriptor: RegisteredDescriptor): Node[] {
    return [...(this.#byDescriptor.get(descriptor) ?? [])].filter(
      (n) => !n.base && (n.exists || n.wanted !== undefined),
    );
  }

  /** Forgets a node that nothing wants, names or works on. */
  release(node: Node): void {
    if (node.wanted !== undefined || node.exists || node.call || node.held > 0 || node.inMotion) return;
    if ((node.dependants?.size ?? 0) > 0 || (node.derived?.size ?? 0) > 0 || node.base) return;
    if (node.descriptor) this.#byDescriptor.get(node.descriptor)?.delete(node);
    this.nodes.delete(node.key);
    this.#changes.forgotten(node);
  }

  /** Registers the dependencies of one revision of a value. */
  depend(owner: Node, definitions: readonly Dependency[]): DepSet {
    if (definitions.length === 0) return noDeps;
    const set = new DepSet(owner, definitions);
    for (const { label, key, anyOf } of definitions) {
      const dep = key === undefined ? this.#anyOfDep(set, label, anyOf) : this.#exactDep(set, label, key);
      set.deps.push(dep);
      if (!dep.met) set.unmet++;
    }
    return set;
  }

  #exactDep(set: DepSet, label: string, key: string): Dep {
    const target = this.ensure(key);
    const dep = new Dep(set, label, target, undefined);
    target.dependants ??= new Set();
    target.dependants.add(dep);
    dep.met = target.available && target.base !== set.owner;
    return dep;
  }

  #anyOfDep(set: DepSet, label: string, definition: Dependency["anyOf"]): Dep {
    const anyOf = new AnyOf(definition?.keySelector?.bind(definition));
    const dep = new Dep(set, label, undefined, anyOf);
    this.#anyOf.anchor(anyOf, definition?.keyPrefixes ?? [], availableOf(this.nodes));
    this.#seekWitness(dep);
    return dep;
  }

  /** Drops a set that is neither wanted nor bound any more. */
  discard(set: DepSet): void {
    if (set === noDeps) return;
    this.unbind(set);
    for (const dep of set.deps) {
      if (dep.target) {
        dep.target.dependants?.delete(dep);
        this.release(dep.target);
      } else {
        dep.witness?.witnessOf?.delete(dep);
        this.#anyOf.unanchor(dep);
      }
    }
  }

  /** From now on what the set stands on must wait for the owner. */
  bind(set: DepSet): void {
    if (set === noDeps || set.bound) return;
    set.bound = true;
    for (const dep of set.deps) {
      const { support } = dep;
      if (!support) continue;
      support.reliants++;
      // A value that needs itself is not in its own way.
      if (!support.leaving || support === set.owner) continue;
      dep.broken = true;
      set.broken++;
    }
  }

  unbind(set: DepSet): void {
    if (set === noDeps || !set.bound) return;
    set.bound = false;
    set.broken = 0;
    for (const dep of set.deps) {
      dep.broken = false;
      if (dep.support) this.#noLongerRelied(dep.support, set.owner as Node);
    }
  }

  #noLongerRelied(support: Node, by: Node): void {
    support.reliants--;
    if (!support.leaving) return;
    if (support.reliants === 0 || support.mayCycle || support.someStuck) this.#touch(support, by);
  }

  /**
   * The node can be depended on.
   * @param sameInstance it never went away: what relied on it may go on relying
   */
  becameAvailable(node: Node, sameInstance = false): void {
    if (node.available) {
      this.#offer(node, sameInstance);
      return;
    }
    node.available = true;
    if (!node.dependants?.size && !this.#anyOf.inUse) return;
    const ready: Node[] = [];
    for (const dep of node.dependants ?? []) {
      const { set } = dep;
      if (node.base !== undefined && node.base === set.owner) continue;
      if (!dep.met) {
        dep.met = true;
        set.unmet--;
      }
      if (dep.broken && sameInstance) {
        dep.broken = false;
        set.broken--;
      }
      // In a circle, a value may be ready although it lacks some.
      if (set.owner && (set.unmet === 0 || set.owner.mayCycle)) ready.push(set.owner);
    }
    this.#touchInOrder(ready, node);
    this.#offer(node, sameInstance);
  }

  /** Gives an available node to any-of dependencies that lack one. */
  #offer(node: Node, sameInstance: boolean): void {
    const ready: Node[] = [];
    for (const dep of this.#anyOf.add(node)) {
      if (dep.broken && sameInstance && dep.witness === node) {
        dep.broken = false;
        dep.set.broken--;
      }
      this.#witness(dep, node);
      if (dep.set.unmet === 0 && dep.set.owner) ready.push(dep.set.owner);
    }
    this.#touchInOrder(ready, node);
  }

  /** The node is still available but no longer wanted: nothing should begin to rely on it. */
  retire(node: Node): void {
    this.#anyOf.remove(node);
  }

  /**
   * The node can no longer be depended on.
   * @param tolerated what relies on it was itself just seen to exist, so it is not torn down for this
   */
  becameUnavailable(node: Node, tolerated?: (owner: Node) => boolean): void {
    if (!node.available) return;
    node.available = false;
    this.#anyOf.remove(node);
    const affected: Node[] = [];
    for (const dep of node.dependants ?? []) this.#lost(dep, affected, tolerated);
    for (const dep of [...(node.witnessOf ?? [])]) {
      const { owner } = dep.set;
      const other = owner?.wanted === undefined ? undefined : this.#anyOf.find(dep);
      if (other) {
        node.witnessOf?.delete(dep);
        if (dep.set.bound) {
          this.#noLongerRelied(node, dep.set.owner as Node);
          other.reliants++;
        }
        this.#setWitness(dep, other);
      } else {
        this.#lost(dep, affected, tolerated);
        this.#anyOf.watch(dep);
      }
    }
    this.#touchInOrder(affected, node);
  }

  /** The node is going: what the southbound value of others relies on it is told, met or not. */
  evict(node: Node): void {
    const affected: Node[] = [];
    for (const dep of [...(node.dependants ?? []), ...(node.witnessOf ?? [])]) {
      const { set } = dep;
      if (!set.bound || dep.broken || !set.owner || set.owner === node) continue;
      dep.broken = true;
      set.broken++;
      affected.push(set.owner);
    }
    this.#touchInOrder(affected, node);
  }

  #lost(dep: Dep, affected: Node[], tolerated?: (owner: Node) => boolean): void {
    if (!dep.met) return;
    const { set } = dep;
    const owner = set.owner as Node;
    dep.met = false;
    set.unmet++;
    if (set.bound && owner !== dep.support && !tolerated?.(owner)) {
      dep.broken = true;
      set.broken++;
    }
    affected.push(owner);
  }

  #touchInOrder(nodes: Node[], because: Node): void {
    if (nodes.length > 1) nodes.sort((a, b) => (a.key < b.key ? 1 : -1));
    // Last touched is looked at first.
    for (const node of nodes) this.#touch(node, because);
  }

  #seekWitness(dep: Dep): void {
    const node = this.#anyOf.find(dep);
    if (node) this.#setWitness(dep, node);
    else this.#anyOf.watch(dep);
  }

  #setWitness(dep: Dep, node: Node): void {
    dep.witness = node;
    dep.met = true;
    node.witnessOf ??= new Set();
    node.witnessOf.add(dep);
  }

  copyIndex(from: Graph, copies: ReadonlyMap<Node, Node>): void {
    this.#anyOf.copyNodes(from.#anyOf, copies);
  }

  /** Lets a met and unbound any-of dependency stand on this node instead. */
  standOn(dep: Dep, node: Node): void {
    dep.witness?.witnessOf?.delete(dep);
    this.#setWitness(dep, node);
  }

  /** A dependency without witness gets one. */
  #witness(dep: Dep, node: Node): void {
    const { set } = dep;
    const before = dep.witness;
    this.#anyOf.unwatch(dep);
    if (before) {
      // The old instance may still be on its way out, with this value relying on it until it is renewed.
      before.witnessOf?.delete(dep);
      if (set.bound) this.#noLongerRelied(before, set.owner as Node);
    }
    if (set.bound) node.reliants++;
    this.#setWitness(dep, node);
    set.unmet--;
  }
}

function* availableOf(nodes: Map<string, Node>): Iterable<Node> {
  for (const node of nodes.values()) if (node.available && node.wanted !== undefined) yield node;
}
