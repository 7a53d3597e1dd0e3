import type { Engine } from "../engine/engine.ts";
import type { Intent } from "../graph/node.ts";
import type { Run } from "./run.ts";

/** Wants everything the transaction changed to be as it was, last change first. What a later one changed stays. */
export function revert(engine: Engine, run: Run): void {
  if (!run.revertOnFailure || run.reverting) return;
  run.reverting = true;
  const intent: Intent = { seqNum: run.seqNum, retry: undefined, revert: true };
  for (const [key, previous] of [...run.previous].reverse()) {
    const node = engine.graph.ensure(key);
    // A node without intent is new: the one before it was removed by this transaction and dropped.
    if (node.intent && node.intent !== run.intent) continue;
    engine.want(node, previous.wanted, "NB", intent);
    node.handBack = previous.origin === "SB";
    engine.touch(node, run);
  }
}
