import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import type { LivingNamespaces } from "./living.ts";
import { machineNamespaces, namespaceMounts } from "./living.ts";
import { PresenceWatch } from "./presence.ts";

/** Namespaces by process: pid -> key. */
class Machine implements LivingNamespaces {
  readonly processes = new Map<number, string>();
  lists = 0;
  async list() {
    this.lists++;
    return new Map([...this.processes].map(([pid, key]) => [key, `/proc/${pid}/ns/net`]));
  }
  isAt(path: string, key: string) {
    return this.processes.get(Number(path.split("/")[2])) === key;
  }
}

function start() {
  const clock = new FakeClock();
  const living = new Machine();
  const watch = new PresenceWatch({ clock, living, intervalMs: 1000 });
  const told: string[] = [];
  return { clock, living, watch, told, on: (key: string) => watch.watch(key, () => told.push(key)) };
}

test("a namespace is gone when its last process is, told once to each who watches it", async () => {
  const { clock, living, told, on } = start();
  living.processes.set(1, "4:a").set(2, "4:a");
  on("4:a");
  on("4:a");
  await clock.advance(1000);
  living.processes.delete(1);
  living.processes.delete(2);
  await clock.advance(49);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual(told, ["4:a", "4:a"]);
  await clock.advance(5000);
  assert.deepEqual(told, ["4:a", "4:a"]);
  assert.equal(clock.pendingTimers, 0);
});

test("a Pod that ends soon after it came is told too", async () => {
  const { clock, living, told, on } = start();
  living.processes.set(1, "4:a");
  on("4:a");
  await clock.advance(50);
  living.processes.delete(1);
  await clock.advance(1000);
  assert.deepEqual(told, ["4:a"]);
});

test("a namespace that comes while others are watched is looked at soon, and does not put off the others' look", async () => {
  const { clock, living, told, on } = start();
  living.processes.set(1, "4:a").set(2, "4:b");
  on("4:a");
  await clock.advance(900);
  on("4:b");
  living.processes.delete(1);
  await clock.advance(50);
  assert.deepEqual(told, ["4:a"]);
  living.processes.delete(2);
  await clock.advance(1000);
  assert.deepEqual(told, ["4:a", "4:b"]);
});

test("walks through /proc that take long come seldom", async () => {
  const { clock, living, on } = start();
  const list = living.list.bind(living);
  living.list = async () => {
    await clock.sleep(20);
    return list();
  };
  for (let i = 0; i < 20; i++) {
    on(`4:${i}`);
    await clock.advance(50);
  }
  // 20 ms each of at most a twentieth of 1000 ms.
  assert.ok(living.lists <= 4, String(living.lists));
});

test("a namespace whose known process ended is not gone while another is in it", async () => {
  const { clock, living, told, on } = start();
  living.processes.set(1, "4:a");
  on("4:a");
  await clock.advance(1000);
  living.processes.delete(1);
  living.processes.set(9, "4:a");
  await clock.advance(3000);
  assert.deepEqual(told, []);
});

test("a pid that another namespace's process got does not keep the old namespace alive", async () => {
  const { clock, living, told, on } = start();
  living.processes.set(1, "4:a");
  on("4:a");
  await clock.advance(1000);
  living.processes.set(1, "4:b");
  await clock.advance(1000);
  assert.deepEqual(told, ["4:a"]);
});

test("a namespace in which nobody was ever seen counts as present", async () => {
  const { clock, told, on } = start();
  on("4:hidden");
  await clock.advance(10_000);
  assert.deepEqual(told, []);
});

test("a namespace that nobody is seen in is searched for at every look only at first, and found when somebody comes", async () => {
  const { clock, living, told, on } = start();
  on("4:a");
  await clock.advance(40_000);
  assert.ok(living.lists <= 5, String(living.lists));
  living.processes.set(1, "4:a");
  await clock.advance(20_000);
  living.processes.clear();
  await clock.advance(1000);
  assert.deepEqual(told, ["4:a"]);
});

test("while all are where they were, /proc is not walked", async () => {
  const { clock, living, on } = start();
  living.processes.set(1, "4:a");
  on("4:a");
  await clock.advance(1000);
  assert.equal(living.lists, 1);
  await clock.advance(10_000);
  assert.equal(living.lists, 1);
});

test("who stopped watching is not told, and with nobody watching there is no timer", async () => {
  const { clock, living, told, on, watch } = start();
  living.processes.set(1, "4:a");
  const stop = on("4:a");
  await clock.advance(1000);
  living.processes.clear();
  stop();
  await clock.advance(5000);
  assert.deepEqual(told, []);
  assert.equal(watch.size, 0);
  assert.equal(clock.pendingTimers, 0);
});

test("a look that fails is repeated at the next turn", async () => {
  const { clock, living, told, on } = start();
  living.processes.set(1, "4:a");
  on("4:a");
  await clock.advance(1000);
  living.processes.clear();
  const list = living.list.bind(living);
  living.list = () => Promise.reject(new Error("EMFILE"));
  await clock.advance(1000);
  assert.deepEqual(told, []);
  living.list = list;
  await clock.advance(1000);
  assert.deepEqual(told, ["4:a"]);
});

test("this machine's namespaces are found with a path that leads to them, our own among them", async () => {
  const living = await machineNamespaces.list();
  assert.ok(living.size >= 1);
  for (const [key, path] of living) {
    if (path === `/proc/${process.pid}/ns/net`) assert.equal(machineNamespaces.isAt(path, key), true);
  }
  assert.equal(machineNamespaces.isAt("/proc/self/ns/net", "4:1"), false);
  assert.equal(machineNamespaces.isAt("/nowhere", "4:1"), false);
});

test("mount points of nsfs are read from mountinfo, escapes included", () => {
  const mountinfo = [
    "24 1 0:4 net:[4026532000] /run/netns/a\\040b rw shared:5 - nsfs nsfs rw",
    "25 1 0:4 net:[4026532001] /run/netns/c rw - nsfs nsfs rw",
    "26 1 8:1 / /nsfs rw - ext4 /dev/sda1 rw",
    "",
  ].join("\n");
  assert.deepEqual(namespaceMounts(mountinfo), ["/run/netns/a b", "/run/netns/c"]);
});
