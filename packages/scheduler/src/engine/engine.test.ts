import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordingLogger } from "@nsmkit/core/testing";
import { DescriptorRegistry } from "../registry.ts";
import { Run } from "../transaction/run.ts";
import { Engine } from "./engine.ts";
import { drySouthbound } from "./southbound.ts";

function start() {
  const logger = new RecordingLogger();
  const run = new Run({ seqNum: 0, type: "NBTransaction", startMs: 0 });
  const idle: Run[] = [];
  const engine = new Engine({
    registry: new DescriptorRegistry(1000),
    southbound: drySouthbound,
    deadlines: undefined,
    logger,
    drained: (runs) => idle.push(...runs),
    hooks: {
      changed: () => {},
      metadata: () => {},
      retry: () => {},
      followUp: () => run,
      failed: () => {},
      refresh: () => false,
      called: () => {},
    },
  });
  return { engine, run, idle, logger };
}

test("values that wait for nothing are given up, so that their transaction settles", () => {
  const { engine, run, idle, logger } = start();
  const node = engine.graph.ensure("a");
  // Nothing in the engine leads here: held, but by nobody who would let go.
  node.held = 1;
  engine.touch(node, run);
  engine.drain();
  assert.deepEqual(idle, [run]);
  assert.equal(node.state, "FAILED");
  assert.deepEqual(
    run.errors.map(({ key }) => key),
    ["a"],
  );
  assert.equal(logger.lines[0]?.message, "values cannot be decided about");
});

test("a value that is touched again and again without end is given up, so that the program goes on", () => {
  const { engine, run, idle, logger } = start();
  const node = engine.graph.ensure("a");
  // Nothing in the engine does this: every time the value comes to rest, it is touched.
  const rest = engine.rest.bind(engine);
  engine.rest = (rested) => {
    rest(rested);
    if (rested === node) engine.touch(node, run);
  };
  engine.touch(node, run);
  engine.drain();
  assert.deepEqual(idle, [run]);
  assert.equal(node.state, "FAILED");
  assert.equal(logger.lines[0]?.message, "values cannot be decided about");
});
