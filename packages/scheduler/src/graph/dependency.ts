import type { Dependency } from "../descriptor.ts";
import type { AnyOf } from "./any-of.ts";
import type { Node } from "./node.ts";

/** One dependency of one revision of a value. */
export class Dep {
  readonly set: DepSet;
  readonly label: string;
  /** The node of an exact key; undefined for any-of. */
  readonly target: Node | undefined;
  readonly anyOf: AnyOf | undefined;
  /** Any-of: the available node that satisfies it at the moment. */
  witness: Node | undefined = undefined;
  /** Whether what it names is available. */
  met = false;
  /** It was met while the value relied on it, and that instance is going or gone. */
  broken = false;

  constructor(set: DepSet, label: string, target: Node | undefined, anyOf: AnyOf | undefined) {
    this.set = set;
    this.label = label;
    this.target = target;
    this.anyOf = anyOf;
  }

  /** The node that this dependency stands on. */
  get support(): Node | undefined {
    return this.target ?? this.witness;
  }
}

/**
 * The dependencies of one revision of a value, with counters that make "are all met?" a comparison.
 * A node has up to three: of the wanted value, of the one southbound, and of the one a running call is putting there.
 */
export class DepSet {
  readonly owner: Node | undefined;
  readonly definitions: readonly Dependency[];
  readonly deps: Dep[] = [];
  unmet = 0;
  broken = 0;
  /** The southbound value (or a call that is making it) relies on these: what they stand on must not go first. */
  bound = false;

  constructor(owner: Node | undefined, definitions: readonly Dependency[]) {
    this.owner = owner;
    this.definitions = definitions;
  }
}

/** The set of a value without dependencies. */
export const noDeps = new DepSet(undefined, []);
