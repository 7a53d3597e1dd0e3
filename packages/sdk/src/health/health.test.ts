import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthCheckResponse_ServingStatus as Status } from "@nsmkit/api/health";
import { FakeClock } from "@nsmkit/core/testing";
import { healthBinding } from "./binding.ts";

type Handler = (request: { service: string }, call: { signal: AbortSignal }) => unknown;
const method = (binding: ReturnType<typeof healthBinding>, name: string) => binding.handlers[name] as Handler;

test("the named services and the whole server have one state, others are NOT_FOUND", async () => {
  let serving = true;
  const check = method(healthBinding(["a.B"], { isServing: () => serving }), "check");
  const { signal } = new AbortController();
  assert.deepEqual(await check({ service: "a.B" }, { signal }), { status: Status.SERVING });
  serving = false;
  assert.deepEqual(await check({ service: "" }, { signal }), { status: Status.NOT_SERVING });
  await assert.rejects(async () => check({ service: "a.C" }, { signal }), { code: "NOT_FOUND" });
});

test("a watcher hears the state of now and each change, until it leaves", async () => {
  const clock = new FakeClock();
  let serving = false;
  const stop = new AbortController();
  const watch = method(healthBinding(["a.B"], { isServing: () => serving, clock }), "watch");
  const states: Status[] = [];
  const over = (async () => {
    const stream = watch({ service: "a.B" }, { signal: stop.signal }) as AsyncIterable<{ status: Status }>;
    for await (const { status } of stream) states.push(status);
  })();
  await clock.advance(5_000);
  serving = true;
  await clock.advance(1_000);
  stop.abort();
  await over;
  assert.deepEqual(states, [Status.NOT_SERVING, Status.SERVING]);
  assert.equal(clock.pendingTimers, 0);
});
