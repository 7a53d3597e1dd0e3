import type { Dep } from "./dependency.ts";
import type { Node } from "./node.ts";

/** A dependency on any of a set of keys, in a form that can be looked up. */
export class AnyOf {
  /** One place in the trie per key prefix, with what the place does not say: the rest of a prefix that ends inside a segment. */
  readonly anchors: { readonly place: Place; readonly rest: string }[] = [];
  readonly selects: ((key: string) => boolean) | undefined;

  constructor(selects: ((key: string) => boolean) | undefined) {
    this.selects = selects;
  }
}

/** A "/"-terminated key segment, with the available nodes below it and the unmet dependencies anchored at it. */
class Place {
  readonly parent: Place | undefined;
  readonly segment: string;
  readonly depth: number;
  readonly children = new Map<string, Place>();
  readonly nodes = new Map<string, Node>();
  readonly unmet = new Set<Dep>();
  /** Available nodes here and below. */
  count = 0;
  /** Dependencies anchored here, met or not. */
  anchored = 0;

  constructor(parent: Place | undefined, segment: string) {
    this.parent = parent;
    this.segment = segment;
    this.depth = (parent?.depth ?? 0) + segment.length;
  }
}

/**
 * Finds, for any-of dependencies, an available key below a prefix, and the other way round, without looking at
 * unrelated keys. It starts empty and costs nothing until the first any-of dependency appears.
 */
export class AnyOfIndex {
  readonly #root = new Place(undefined, "");
  #inUse = false;

  get inUse(): boolean {
    return this.#inUse;
  }

  /** @param available every node available now, needed when the index is used for the first time */
  anchor(dep: AnyOf, keyPrefixes: readonly string[], available: Iterable<Node>): void {
    if (!this.#inUse) {
      this.#inUse = true;
      for (const node of available) this.add(node);
    }
    for (const prefix of keyPrefixes.length > 0 ? keyPrefixes : [""]) {
      const end = prefix.lastIndexOf("/") + 1;
      const place = this.#place(prefix.slice(0, end));
      place.anchored++;
      dep.anchors.push({ place, rest: prefix.slice(end) });
    }
  }

  unanchor(dep: Dep): void {
    this.unwatch(dep);
    for (const { place } of dep.anyOf?.anchors ?? []) {
      place.anchored--;
      prune(place);
    }
  }

  /** Adds an available node. @returns unmet dependencies that it satisfies */
  add(node: Node): Dep[] {
    if (!this.#inUse || node.indexed) return [];
    node.indexed = true;
    const satisfied: Dep[] = [];
    const { key } = node;
    let place = this.#root;
    let start = 0;
    for (;;) {
      place.count++;
      for (const dep of place.unmet) if (satisfies(dep, node, place, start)) satisfied.push(dep);
      const slash = key.indexOf("/", start);
      if (slash < 0) break;
      place = child(place, key.slice(start, slash + 1));
      start = slash + 1;
    }
    place.nodes.set(key, node);
    return satisfied;
  }

  remove(node: Node): void {
    if (!node.indexed) return;
    node.indexed = false;
    const { key } = node;
    let place = this.#root;
    let start = 0;
    for (;;) {
      place.count--;
      const slash = key.indexOf("/", start);
      if (slash < 0) break;
      place = child(place, key.slice(start, slash + 1));
      start = slash + 1;
    }
    place.nodes.delete(key);
    prune(place);
  }

  /** An available node that satisfies the dependency. */
  find(dep: Dep): Node | undefined {
    const { anyOf } = dep;
    if (!anyOf) return undefined;
    for (const { place, rest } of anyOf.anchors) {
      const found = search(place, (node, start) => accepts(dep, anyOf, node, start, rest), place.depth, rest);
      if (found) return found;
    }
    return undefined;
  }

  watch(dep: Dep): void {
    for (const { place } of dep.anyOf?.anchors ?? []) place.unmet.add(dep);
  }

  unwatch(dep: Dep): void {
    for (const { place } of dep.anyOf?.anchors ?? []) place.unmet.delete(dep);
  }

  /** Takes over the nodes of another index as their copies, in the same order, so that both find the same. */
  copyNodes(from: AnyOfIndex, copies: ReadonlyMap<Node, Node>): void {
    this.#inUse = from.#inUse;
    copyPlace(from.#root, this.#root, copies);
  }

  #place(prefix: string): Place {
    let place = this.#root;
    for (let start = 0; start < prefix.length; ) {
      const end = prefix.indexOf("/", start) + 1;
      place = child(place, prefix.slice(start, end));
      start = end;
    }
    return place;
  }
}

function copyPlace(from: Place, to: Place, copies: ReadonlyMap<Node, Node>): void {
  to.count = from.count;
  for (const [key, node] of from.nodes) {
    const copy = copies.get(node);
    if (!copy) continue;
    copy.indexed = true;
    to.nodes.set(key, copy);
  }
  for (const [segment, below] of from.children) copyPlace(below, child(to, segment), copies);
}

function child(place: Place, segment: string): Place {
  let next = place.children.get(segment);
  if (!next) {
    next = new Place(place, segment);
    place.children.set(segment, next);
  }
  return next;
}

/** Forgets places that hold nothing, so that keys that come and go leave nothing behind. */
function prune(place: Place): void {
  for (let at = place; at.parent && at.count === 0 && at.anchored === 0 && at.children.size === 0; at = at.parent) {
    at.parent.children.delete(at.segment);
  }
}

function satisfies(dep: Dep, node: Node, place: Place, start: number): boolean {
  const { anyOf } = dep;
  if (!anyOf) return false;
  return anyOf.anchors.some((anchor) => anchor.place === place && accepts(dep, anyOf, node, start, anchor.rest));
}

function accepts(dep: Dep, anyOf: AnyOf, node: Node, start: number, rest: string): boolean {
  const owner = dep.set.owner;
  // A value cannot stand on itself or on what is derived from it.
  if (node === owner || node.base === owner) return false;
  return node.key.startsWith(rest, start) && (anyOf.selects?.(node.key) ?? true);
}

function search(
  place: Place,
  accept: (node: Node, start: number) => boolean,
  start: number,
  rest: string,
): Node | undefined {
  if (place.count === 0) return undefined;
  for (const node of place.nodes.values()) if (accept(node, start)) return node;
  for (const [segment, below] of place.children) {
    if (rest !== "" && place.depth === start && !segment.startsWith(rest)) continue;
    const found = search(below, accept, start, rest);
    if (found) return found;
  }
  return undefined;
}
