import assert from "node:assert/strict";
import { test } from "node:test";
import { Changes, waitUntilNone } from "./waiting.ts";

const patient = { timeoutMs: 5000, signal: new AbortController().signal };

test("waiting ends as soon as nothing is left", async () => {
  const left = [["a", "b"], ["b"], []];
  assert.deepEqual(await waitUntilNone(() => left.shift() ?? [], new Changes(), patient), []);
  assert.equal(left.length, 0);
});

test("a change wakes the waiter at once", async () => {
  const changes = new Changes();
  const woken = changes.next(60_000);
  changes.tell();
  await woken;
});

test("what is left when the time is over is told", async () => {
  assert.deepEqual(await waitUntilNone(() => ["a"], new Changes(), { ...patient, timeoutMs: 1 }), ["a"]);
});

test("an interrupted wait ends with ABORTED", async () => {
  const stop = new AbortController();
  const waiting = waitUntilNone(() => ["a"], new Changes(), { ...patient, signal: stop.signal });
  stop.abort();
  await assert.rejects(waiting, { code: "ABORTED" });
});
