import { silentLogger } from "@nsmkit/core";
import { begin } from "../engine/begin.ts";
import { Engine } from "../engine/engine.ts";
import type { EngineHooks } from "../engine/hooks.ts";
import { drySouthbound } from "../engine/southbound.ts";
import { copyGraph } from "../graph/copy.ts";
import type { DescriptorRegistry } from "../registry.ts";
import { touchInOrder, wantValues } from "./apply.ts";
import { type OpRecord, Run, type RunValue } from "./run.ts";

/**
 * What a transaction would do if every call succeeded at once, found by doing it to a copy of the graph. Whatever is
 * under way is taken to have succeeded before.
 */
export function planOperations(
  engine: Engine,
  registry: DescriptorRegistry,
  values: readonly RunValue[],
  seqNum: number,
): OpRecord[] {
  const others = new Run({ seqNum: seqNum - 1, type: "NBTransaction", startMs: 0 });
  const hooks: EngineHooks = {
    changed: () => {},
    metadata: () => {},
    retry: () => {},
    followUp: () => others,
    failed: () => {},
    refresh: () => false,
    called: () => {},
  };
  const dry = new Engine({
    registry,
    southbound: drySouthbound,
    hooks,
    deadlines: undefined,
    logger: silentLogger,
    drained: () => {},
  });
  finishWhatRuns(engine, dry, others);
  const run = new Run({ seqNum, type: "NBTransaction", startMs: 0 });
  touchInOrder(dry, wantValues(dry, run, values), () => run);
  dry.drain();
  return run.ops.filter((op) => op !== undefined);
}

function finishWhatRuns(engine: Engine, dry: Engine, run: Run): void {
  for (const [node, copy] of copyGraph(engine.graph, dry.graph)) {
    if (node.inMotion) dry.touch(copy, run);
    if (!node.call || node.call.overdue) continue;
    copy.cause = run;
    if (node.call.operation === "DELETE" || copy.wanted !== undefined) begin(dry, copy, node.call.operation);
  }
  dry.drain();
}
