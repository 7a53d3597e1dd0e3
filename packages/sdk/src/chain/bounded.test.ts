import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import { bounded, closeBelow } from "./bounded.ts";
import { Context } from "./context.ts";
import type { Handler } from "./element.ts";

test("the signal is cancelled when the time is over, with a code and what took too long", async () => {
  const clock = new FakeClock();
  using time = bounded(clock, 100, "waiting");
  assert.equal(time.deadlineMs, 100);
  await clock.advance(100);
  assert.deepEqual(
    [time.signal.reason.code, time.signal.reason.message],
    ["DEADLINE_EXCEEDED", "waiting took longer than 100 ms"],
  );
});

test("the signal follows its parents, also one that is cancelled already", () => {
  const parent = new AbortController();
  using time = bounded(new FakeClock(), 100, "waiting", [undefined, parent.signal]);
  parent.abort("why");
  assert.equal(time.signal.reason, "why");
  using late = bounded(new FakeClock(), 100, "waiting", [parent.signal]);
  assert.equal(late.signal.aborted, true);
});

test("disposing leaves neither timer nor listener", () => {
  const clock = new FakeClock();
  const parent = new AbortController();
  const time = bounded(clock, 100, "waiting", [parent.signal]);
  time[Symbol.dispose]();
  parent.abort();
  assert.deepEqual([clock.pendingTimers, time.signal.aborted], [0, false]);
});

test("a time without end needs no timer", () => {
  const clock = new FakeClock();
  using _time = bounded(clock, Number.POSITIVE_INFINITY, "waiting");
  assert.equal(clock.pendingTimers, 0);
});

test("cleaning up has a time of its own, and its failure is logged and not thrown", async () => {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const ctx = new Context({ signal: AbortSignal.abort(), clock, logger });
  let aborted: boolean | undefined;
  const next: Handler<{ request: never; reply: never; closing: string; query: never; found: never }> = {
    request: () => Promise.reject(new Error("unused")),
    close: async (below) => {
      aborted = below.signal.aborted;
      throw new Error("gone");
    },
    find: async function* () {},
  };
  await closeBelow(ctx, next, "c");
  assert.deepEqual(
    [aborted, logger.lines[0]?.message, clock.pendingTimers],
    [false, "could not clean up after a failed request", 0],
  );
});
