import { CodedError } from "@nsmkit/core";
import { needsRecreate } from "../engine/decide.ts";
import type { Engine } from "../engine/engine.ts";
import type { Because } from "../engine/hooks.ts";
import { isSame } from "../engine/resolve.ts";
import type { Node } from "../graph/node.ts";
import type { Run, RunValue } from "./run.ts";

/**
 * Makes the changes of a transaction wanted, all of them before anything is decided.
 * @returns their nodes, for `touchInOrder`
 */
export function wantValues(engine: Engine, run: Run, changes: readonly RunValue[]): Node[] {
  const nodes: Node[] = [];
  for (const { key, value } of changes) {
    if (value === undefined && !isKnown(engine.graph.get(key))) {
      run.values.push({ key, value, origin: "NB" });
      continue;
    }
    const node = engine.graph.ensure(key);
    run.values.push({ key, value, origin: "NB", descriptor: node.descriptor });
    if (node.base) {
      refuseDerived(run, node);
      continue;
    }
    if (value === undefined && node.origin === "SB") continue;
    if (run.revertOnFailure) run.previous.set(key, { wanted: node.wanted, origin: node.origin });
    if (!isSame(node, node.wanted, value)) supersede(engine, node, run);
    engine.want(node, value, "NB", run.intent);
    nodes.push(node);
  }
  return nodes;
}

/** Has nodes looked at, first those to be deleted, then re-created, created, updated, each by key. */
export function touchInOrder(engine: Engine, nodes: readonly Node[], because: (node: Node) => Because): void {
  const grouped = nodes.map((node) => ({ node, group: groupOf(node) }));
  // Last touched is looked at first.
  grouped.sort((a, b) => b.group - a.group || (a.node.key < b.node.key ? 1 : -1));
  for (const { node } of grouped) engine.touch(node, because(node));
}

function isKnown(node: Node | undefined): boolean {
  return node !== undefined && (node.wanted !== undefined || node.exists || node.call !== undefined);
}

function refuseDerived(run: Run, node: Node): void {
  const error = new CodedError("CONFLICT", `${node.key} is derived from ${node.base?.key}; change that value instead`);
  run.errors.push({ key: node.key, operation: "VALIDATE", error });
}

/** Whoever wanted something else for this key need not wait for it any more. */
function supersede(engine: Engine, node: Node, by: Run): void {
  for (const run of node.waiters) if (run !== by) run.superseded.add(node.key);
  engine.leaveRuns(node);
}

const group = { delete: 0, recreate: 1, create: 2, update: 3 };

function groupOf(node: Node): number {
  if (node.wanted === undefined) return group.delete;
  if (!node.exists) return group.create;
  try {
    return !isSame(node, node.value, node.wanted) && needsRecreate(node) ? group.recreate : group.update;
  } catch {
    // Deciding about the value will meet the same error and report it.
    return group.update;
  }
}
