import assert from "node:assert/strict";
import { test } from "node:test";
import type { MonitorEvent } from "./api/monitor.ts";
import { EventQueue } from "./event-queue.ts";

const nsid = (number: number): MonitorEvent => ({ type: "nsid", action: "new", nsid: number });

async function take(queue: EventQueue, count: number): Promise<MonitorEvent[]> {
  const taken: MonitorEvent[] = [];
  for await (const event of queue) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

test("events come in order, those before the iteration began too", async () => {
  const queue = new EventQueue();
  queue.push(nsid(1));
  const taking = take(queue, 3);
  await Promise.resolve();
  queue.push(nsid(2));
  queue.push(nsid(3));
  assert.deepEqual(await taking, [nsid(1), nsid(2), nsid(3)]);
});

test("a consumer that is too far behind is told once that it lost events", async () => {
  const queue = new EventQueue(3);
  for (let number = 0; number < 9; number++) queue.push(nsid(number));
  queue.push({ type: "overrun" });
  const events = await take(queue, 1);
  assert.deepEqual(events, [{ type: "overrun" }]);
});

test("overruns one after the other are one", async () => {
  const queue = new EventQueue();
  queue.push({ type: "overrun" });
  queue.push({ type: "overrun" });
  queue.push(nsid(1));
  assert.deepEqual(await take(queue, 2), [{ type: "overrun" }, nsid(1)]);
});

test("closing ends the iteration and closes the source once", async () => {
  let closed = 0;
  const queue = new EventQueue();
  queue.attach({ close: () => void closed++, ref: () => {}, unref: () => {} });
  const taking = take(queue, 1);
  await Promise.resolve();
  await queue.close();
  await queue.close();
  queue.push(nsid(1));
  assert.deepEqual(await taking, []);
  assert.equal(closed, 1);
});
