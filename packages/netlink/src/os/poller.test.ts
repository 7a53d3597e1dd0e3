import assert from "node:assert/strict";
import { closeSync, readSync, writeSync } from "node:fs";
import { test } from "node:test";
import { AF_UNIX, calls, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from "./libc.ts";
import { Poller } from "./poller.ts";

/** Two joined sockets. */
function pair(): [number, number] {
  const fds = new Int32Array(2);
  assert.equal(calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, new Uint8Array(fds.buffer)), 0);
  return [fds[0] ?? -1, fds[1] ?? -1];
}

async function withPair(body: (poller: Poller, mine: number, other: number) => Promise<void>): Promise<void> {
  const [mine, other] = pair();
  const poller = Poller.start();
  try {
    await body(poller, mine, other);
  } finally {
    poller.close();
    closeSync(mine);
    closeSync(other);
  }
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test("a descriptor is reported when it becomes readable, and its bytes are left alone", async () => {
  await withPair(async (poller, mine, other) => {
    const ready = new Promise<void>((resolve) => {
      const watch = poller.watch(mine, () => {
        watch.stop();
        resolve();
      });
    });
    writeSync(other, "hello");
    await ready;
    const bytes = Buffer.alloc(16);
    assert.equal(bytes.toString("utf8", 0, readSync(mine, bytes)), "hello");
  });
});

test("a descriptor that stays readable is reported again, one that does not is not", async () => {
  await withPair(async (poller, mine, other) => {
    let calls = 0;
    const twice = new Promise<void>((resolve) => {
      poller.watch(mine, () => {
        calls++;
        if (calls === 2) {
          readSync(mine, Buffer.alloc(16));
          resolve();
        }
      });
    });
    writeSync(other, "hello");
    await twice;
    await turns(20);
    assert.equal(calls, 2);
  });
});

test("several descriptors are told apart, and one stopped by another's callback stays silent", async () => {
  await withPair(async (poller, mine, other) => {
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      const a = poller.watch(mine, () => {
        seen.push("mine");
        a.stop();
        b.stop();
        resolve();
      });
      const b = poller.watch(other, () => seen.push("other"));
    });
    writeSync(other, "to mine");
    await done;
    writeSync(mine, "to other");
    await turns(20);
    assert.deepEqual(seen, ["mine"]);
  });
});

test("writability is reported too", async () => {
  await withPair(async (poller, mine) => {
    await new Promise<void>((resolve) => {
      const watch = poller.watch(
        mine,
        () => {
          watch.stop();
          resolve();
        },
        { writable: true },
      );
    });
  });
});

test("a closed poller takes no watches, and stopping an old one does nothing", async () => {
  const [mine, other] = pair();
  const poller = Poller.start();
  const watch = poller.watch(mine, () => assert.fail("nothing was written"));
  poller.close();
  poller.close();
  watch.stop();
  watch.ref();
  assert.throws(() => poller.watch(other, () => {}), { code: "CLOSED" });
  closeSync(mine);
  closeSync(other);
});
