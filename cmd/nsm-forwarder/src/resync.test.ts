import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock, RecordingLogger, settle } from "@nsmkit/core/testing";
import { resync } from "./resync.ts";

function start(found: readonly string[], remove: () => Promise<readonly string[]> = async () => found) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const stop = new AbortController();
  let removals = 0;
  const plane = {
    list: async (): Promise<readonly string[]> => found,
    removeLeftovers: () => {
      removals++;
      return remove();
    },
  };
  const run = () => resync({ plane, tokenLifeMs: 600_000, clock, logger, signal: stop.signal });
  return { clock, logger, stop, run, plane, removals: () => removals };
}

test("links of an earlier life are removed when the life of a token has passed, not before", async () => {
  const { clock, run, removals } = start(["c1", "c2"]);
  await run();
  await clock.advance(599_999);
  assert.equal(removals(), 0);
  await clock.advance(1);
  assert.equal(removals(), 1);
  assert.equal(clock.pendingTimers, 0);
});

test("without such links nothing is waited for", async () => {
  const { clock, run } = start([]);
  await run();
  assert.equal(clock.pendingTimers, 0);
});

test("a forwarder that ends before removes nothing", async () => {
  const { clock, stop, run, removals } = start(["c1"]);
  await run();
  stop.abort();
  await clock.advance(700_000);
  assert.equal(removals(), 0);
});

test("a removal that fails is logged and does not end the program", async () => {
  const { clock, logger, run } = start(["c1"], () => Promise.reject(new CodedError("KERNEL", "EBUSY")));
  await run();
  await clock.advance(600_000);
  await settle();
  assert.deepEqual(
    logger.lines.filter(({ level }) => level === "error").map(({ fields }) => fields.reason),
    ["EBUSY"],
  );
});

test("links that cannot be counted at the start keep nobody waiting and are removed all the same", async () => {
  const { clock, logger, run, removals, plane } = start([]);
  plane.list = () => Promise.reject(new CodedError("DUMP_INTERRUPTED", "the table kept changing"));
  await run();
  assert.equal(logger.lines[0]?.level, "warn");
  await clock.advance(600_000);
  assert.equal(removals(), 1);
});
