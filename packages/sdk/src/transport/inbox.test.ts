import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "./inbox.ts";

class Tap {
  paused = 0;
  resumed = 0;
  pause(): void {
    this.paused++;
  }
  resume(): void {
    this.resumed++;
  }
}

test("what is held is delivered before the error that ended it, and the error once", async () => {
  const inbox = new Inbox<number>(() => {});
  inbox.push(1);
  inbox.end(new Error("over"));
  assert.deepEqual(await inbox.next(), { value: 1, done: false });
  await assert.rejects(inbox.next(), /over/);
  assert.deepEqual(await inbox.next(), { value: undefined, done: true });
});

test("a reader that waits gets the next message at once", async () => {
  const inbox = new Inbox<number>(() => {});
  const waiting = inbox.next();
  inbox.push(7);
  assert.deepEqual(await waiting, { value: 7, done: false });
});

test("a sender is paused at sixteen messages and resumed at eight", async () => {
  const tap = new Tap();
  const inbox = new Inbox<number>(() => {});
  inbox.attach(tap);
  for (let n = 0; n < 15; n++) inbox.push(n);
  assert.equal(tap.paused, 0);
  inbox.push(15);
  assert.equal(tap.paused, 1);
  for (let n = 0; n < 7; n++) await inbox.next();
  assert.equal(tap.resumed, 0);
  await inbox.next();
  assert.equal(tap.resumed, 1);
});

test("a reader that leaves is told of once, and what comes later is dropped", async () => {
  let abandoned = 0;
  const inbox = new Inbox<number>(() => abandoned++);
  inbox.push(1);
  await inbox.return();
  await inbox.return();
  inbox.push(2);
  assert.equal(abandoned, 1);
  assert.deepEqual(await inbox.next(), { value: undefined, done: true });
});
