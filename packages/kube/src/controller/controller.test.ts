import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { Registry } from "prom-client";
import { statusError } from "../client/status.ts";
import { KubeMetrics } from "../metrics/metrics.ts";
import { Controller, type Reconcile } from "./controller.ts";

function start(reconcile: Reconcile, more: { concurrency?: number; timeoutMs?: number; metrics?: KubeMetrics } = {}) {
  const clock = new FakeClock();
  const controller = new Controller({ name: "test", reconcile, clock, ...more });
  controller.start();
  return { clock, controller };
}

test("a failure that may pass is tried again with growing delay", async () => {
  const times: number[] = [];
  const { clock, controller } = start(async () => {
    times.push(clock.now());
    if (times.length < 4) throw new Error("not yet");
    return undefined;
  });
  controller.queue.add("a");
  await clock.advance(1000);
  assert.deepEqual(times, [0, 5, 15, 35]);
  await controller.close();
});

test("a failure for good waits for a change", async () => {
  let runs = 0;
  const { clock, controller } = start(async () => {
    runs++;
    throw new CodedError("INVALID_CONFIG", "wrong");
  });
  controller.queue.add("a");
  await clock.advance(10_000_000);
  assert.equal(runs, 1);
  controller.queue.add("a");
  await settle();
  assert.equal(runs, 2);
  await controller.close();
});

test("the API server's Retry-After is kept to", async () => {
  const times: number[] = [];
  const { clock, controller } = start(async () => {
    times.push(clock.now());
    if (times.length === 1) throw statusError("apply", 429, {}, "7");
    return undefined;
  });
  controller.queue.add("a");
  await clock.advance(20_000);
  assert.deepEqual(times, [0, 7000]);
  await controller.close();
});

test("a key that asks for another look gets it", async () => {
  const times: number[] = [];
  const { clock, controller } = start(async () => {
    times.push(clock.now());
    return times.length < 3 ? { requeueAfterMs: 100 } : undefined;
  });
  controller.queue.add("a");
  await clock.advance(1000);
  assert.deepEqual(times, [0, 100, 200]);
  await controller.close();
});

test("a reconcile that hangs is cancelled after its time, and the next key does not wait for ever", async () => {
  const seen: string[] = [];
  const { clock, controller } = start(
    async (key, { signal }) => {
      seen.push(key);
      if (key === "hangs")
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      return undefined;
    },
    { timeoutMs: 1000 },
  );
  controller.queue.add("hangs");
  controller.queue.add("next");
  await clock.advance(1000);
  assert.deepEqual(seen.slice(0, 2), ["hangs", "next"]);
  await controller.close();
});

test("as many keys run at a time as allowed, never one twice", async () => {
  let running = 0;
  let most = 0;
  const active = new Set<string>();
  const { clock, controller } = start(
    async (key, { signal }) => {
      assert.ok(!active.has(key));
      active.add(key);
      most = Math.max(most, ++running);
      await clock.sleep(10, { signal });
      running--;
      active.delete(key);
      return undefined;
    },
    { concurrency: 3 },
  );
  for (let i = 0; i < 10; i++) controller.queue.add(`k${i}`);
  for (let i = 0; i < 10; i++) {
    await clock.advance(5);
    controller.queue.add("k1");
  }
  await clock.advance(100);
  assert.equal(most, 3);
  await controller.close();
});

test("closing cancels what runs and leaves no timer", async () => {
  const { clock, controller } = start(async (_key, { signal }) => {
    await clock.sleep(1_000_000, { signal });
    return undefined;
  });
  controller.queue.add("a");
  controller.queue.addAfter("b", 5_000);
  await settle();
  await controller.close();
  assert.equal(clock.pendingTimers, 0);
});

test("failures with progress between them do not add up", async () => {
  const times: number[] = [];
  const { clock, controller } = start(async (_key, { progress }) => {
    times.push(clock.now());
    progress();
    throw new CodedError("UNAVAILABLE", "every third write fails");
  });
  controller.queue.add("a");
  await clock.advance(50);
  assert.deepEqual(times.slice(0, 4), [0, 5, 10, 15]);
  await controller.close();
});

test("a server that asks to come back at once is not asked in a tight loop", async () => {
  let tries = 0;
  const { clock, controller } = start(async () => {
    tries++;
    throw new CodedError("RESOURCE_EXHAUSTED", "busy", { details: { status: 429, retryAfterMs: 0 } });
  });
  controller.queue.add("a");
  await clock.advance(100);
  assert.ok(tries <= 6, `${tries} tries in 100 ms`);
  await controller.close();
});

test("metrics have controller-runtime's names and count results", async () => {
  const registry = new Registry();
  const { clock, controller } = start(async (key) => (key === "bad" ? Promise.reject(new Error("x")) : undefined), {
    metrics: new KubeMetrics(registry),
  });
  controller.queue.add("good");
  controller.queue.add("bad");
  await clock.advance(1);
  const text = await registry.metrics();
  assert.match(text, /controller_runtime_reconcile_total\{controller="test",result="success"\} 1/);
  assert.match(text, /controller_runtime_reconcile_total\{controller="test",result="error"\} 1/);
  assert.match(text, /workqueue_adds_total\{name="test",controller="test"\} 2/);
  await controller.close();
});

test("what is being worked on, what took too long and what is a defect can be seen", async () => {
  const registry = new Registry();
  const { clock, controller } = start(
    async (key, { signal }) => {
      if (key === "defect") throw new TypeError("x");
      await clock.sleep(1_000_000, { signal });
      return undefined;
    },
    { metrics: new KubeMetrics(registry), timeoutMs: 3_000, concurrency: 2 },
  );
  controller.queue.add("defect");
  controller.queue.add("slow");
  await clock.advance(2_000);
  const labels = '{name="test",controller="test"}';
  const working = await registry.metrics();
  assert.ok(working.includes(`workqueue_unfinished_work_seconds${labels} 2\n`), working);
  assert.ok(working.includes(`workqueue_longest_running_processor_seconds${labels} 2\n`));
  await clock.advance(1_000);
  const text = await registry.metrics();
  assert.match(text, /controller_runtime_reconcile_timeouts_total\{controller="test"\} 1/);
  assert.match(text, /controller_runtime_reconcile_panics_total\{controller="test"\} [1-9]/);
  await controller.close();
});
