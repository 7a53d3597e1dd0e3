import type { Node } from "../graph/node.ts";
import type { KeyValue } from "../value.ts";
import type { Engine } from "./engine.ts";
import { isSame } from "./resolve.ts";

/** Wants exactly the values that follow from what is southbound now, touching only those that differ. */
export function setDerived(engine: Engine, node: Node): void {
  if (node.base || (node.derivedFor === node.value && node.derivedIntent === node.intent)) return;
  node.derivedFor = node.value;
  node.derivedIntent = node.intent;
  const next = node.derivedNext;
  const wanted = next && next.of === node.value ? next.pairs : derivedOf(node, node.value);
  node.derivedNext = undefined;
  if (wanted.length === 0 && node.derived === undefined) return;
  unwantAllBut(engine, node, wanted);
  for (let i = wanted.length - 1; i >= 0; i--) {
    const pair = wanted[i];
    if (pair) adopt(engine, node, pair);
  }
}

/** Before an update: no longer wants what does not follow from the new value. */
export function unwantObsolete(engine: Engine, node: Node): void {
  if (node.derived === undefined) return;
  const of = node.wanted;
  const known = node.derivedNext;
  const next = known && known.of === of ? known : { of, pairs: derivedOf(node, of) };
  node.derivedNext = next;
  if (unwantAllBut(engine, node, next.pairs)) node.derivedFor = undefined;
}

/** The value is going: none of its derived values is wanted. */
export function unwantDerived(engine: Engine, node: Node): void {
  node.derivedFor = undefined;
  node.derivedNext = undefined;
  if (node.derived) unwantAllBut(engine, node, []);
}

function derivedOf(node: Node, value: unknown): KeyValue[] {
  const pairs = node.descriptor?.descriptor.derivedValues?.(node.key, value) ?? [];
  return [...pairs].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function unwantAllBut(engine: Engine, node: Node, wanted: readonly KeyValue[]): boolean {
  const { derived } = node;
  if (!derived || node.intent === undefined) return false;
  const keep = wanted.length > 0 ? new Set(wanted.map((pair) => pair.key)) : undefined;
  const obsolete: Node[] = [];
  for (const child of derived.values()) if (child.wanted !== undefined && !keep?.has(child.key)) obsolete.push(child);
  for (const child of obsolete.reverse()) {
    engine.want(child, undefined, child.origin, node.intent);
    engine.touch(child, node);
  }
  return obsolete.length > 0;
}

function adopt(engine: Engine, node: Node, { key, value }: KeyValue): void {
  const child = engine.graph.ensure(key);
  if (value === undefined || value === null) {
    engine.logger.warn("a derived value is empty and was skipped", { key, base: node.key });
    return;
  }
  if (child.base !== node) {
    if (child.base || child.wanted !== undefined || child.exists) {
      const other = child.base?.key ?? "a base value";
      engine.logger.warn("a derived value collides with another value and was skipped", { key, base: node.key, other });
      return;
    }
    child.base = node;
    node.derived ??= new Map();
    node.derived.set(key, child);
    // It is attached as "not wanted"; wanting it below takes it off this count again.
    node.derivedLeaving++;
  }
  const unchanged = child.wanted !== undefined && !child.failure && isSame(child, child.wanted, value);
  if (unchanged && child.origin === node.origin) {
    child.intent = node.intent;
    // Found by a read: its base has just been confirmed, so it is, too.
    if (child.state === "DISCOVERED") engine.touch(child, node);
    return;
  }
  if (node.intent) engine.want(child, value, node.origin, node.intent);
  engine.touch(child, node);
}
