import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { EntryStore } from "./store.ts";
import type { Watcher } from "./watcher.ts";

interface Thing {
  readonly name: string;
  readonly services: readonly string[];
  readonly version: number;
}
const thing = (name: string, services: readonly string[] = [], version = 0): Thing => ({ name, services, version });
const query = (name = "", services: readonly string[] = []): Thing => thing(name, services);

const store = (onFits = (): void => {}) =>
  new EntryStore<Thing>({
    keys: (entry) => entry.services,
    fits: (pattern, entry) => {
      onFits();
      return (
        (pattern.name === "" || pattern.name === entry.name) &&
        pattern.services.every((service) => entry.services.includes(service))
      );
    },
  });

async function take(watcher: Watcher<Thing>, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) {
    const { value, done } = await watcher.next();
    if (done) break;
    lines.push(`${value.deleted ? "-" : "+"}${value.entry.name}@${value.entry.version}`);
  }
  return lines;
}
const never = (): AbortSignal => new AbortController().signal;
const names = (things: readonly Thing[]): string[] => things.map(({ name }) => name);

describe("find", () => {
  test("by name, by service, and all, in the order of registration", () => {
    const things = store();
    for (const entry of [thing("b", ["s"]), thing("a", ["s", "t"]), thing("c", ["t"])]) things.set(entry);
    things.set(thing("b", ["s"], 1));
    assert.deepEqual(names(things.find(query())), ["b", "a", "c"]);
    assert.deepEqual(names(things.find(query("", ["s"]))), ["b", "a"]);
    assert.deepEqual(names(things.find(query("", ["s", "t"]))), ["a"]);
    assert.deepEqual(names(things.find(query("c", ["s"]))), []);
    assert.equal(things.get("b")?.version, 1);
  });

  test("by service looks at the endpoints of that service only", () => {
    let looked = 0;
    const things = store(() => {
      looked++;
    });
    for (let i = 0; i < 1000; i++) things.set(thing(`n${i}`, [i === 7 ? "wanted" : "other"]));
    looked = 0;
    assert.deepEqual(names(things.find(query("", ["wanted"]))), ["n7"]);
    assert.equal(looked, 1);
  });

  test("an entry that leaves a service is not found by it any more, nor looked at", () => {
    let looked = 0;
    const things = store(() => {
      looked++;
    });
    things.set(thing("a", ["s"]));
    things.set(thing("a", ["t"]));
    assert.deepEqual([names(things.find(query("", ["s"]))), names(things.find(query("", ["t"])))], [[], ["a"]]);
    looked = 0;
    things.find(query("", ["s"]));
    assert.equal(looked, 0);
    things.delete("a");
    assert.deepEqual([things.size, names(things.find(query("", ["t"])))], [0, []]);
  });
});

describe("watch", () => {
  test("tells what is there, then changes, then removal", async () => {
    const things = store();
    things.set(thing("a", ["s"]));
    const watcher = things.watch(query("", ["s"]), { signal: never() });
    things.set(thing("b", ["s"]));
    things.set(thing("x", ["other"]));
    assert.deepEqual(await take(watcher, 2), ["+a@0", "+b@0"]);
    things.delete("a");
    assert.deepEqual(await take(watcher, 1), ["-a@0"]);
  });

  test("an entry that no longer fits is told as deleted", async () => {
    const things = store();
    things.set(thing("a", ["s"]));
    const watcher = things.watch(query("", ["s"]), { signal: never() });
    assert.deepEqual(await take(watcher, 1), ["+a@0"]);
    things.set(thing("a", ["t"], 1));
    assert.deepEqual(await take(watcher, 1), ["-a@1"]);
  });

  test("a slow watcher holds one change per name and gets the latest", async () => {
    const things = store();
    const watcher = things.watch(query(), { signal: never() });
    for (let version = 0; version < 1000; version++)
      for (const name of ["a", "b"]) things.set(thing(name, [], version));
    things.set(thing("gone"));
    things.delete("gone");
    assert.equal(watcher.backlog, 2);
    assert.deepEqual(await take(watcher, 2), ["+a@999", "+b@999"]);
  });

  test("a reader that waits is told at once", async () => {
    const things = store();
    const watcher = things.watch(query("a"), { signal: never() });
    const told = take(watcher, 1);
    things.set(thing("b"));
    things.set(thing("a", [], 5));
    assert.deepEqual(await told, ["+a@5"]);
  });

  test("ends when its signal is cancelled, and then costs nothing", async () => {
    let looked = 0;
    const things = store(() => {
      looked++;
    });
    const stop = new AbortController();
    const watcher = things.watch(query(), { signal: stop.signal });
    const told = take(watcher, 1);
    stop.abort();
    assert.deepEqual(await told, []);
    looked = 0;
    things.set(thing("a"));
    assert.deepEqual([looked, watcher.backlog], [0, 0]);
  });

  test("a change asks only the watchers of its name and its services", () => {
    let looked = 0;
    const things = store(() => {
      looked++;
    });
    for (let i = 0; i < 1000; i++) things.watch(query(`n${i}`), { signal: never() });
    for (let i = 0; i < 1000; i++) things.watch(query("", [`s${i}`]), { signal: never() });
    looked = 0;
    things.set(thing("n1", ["s1", "s2"]));
    assert.equal(looked, 3);
  });

  test("whatever happens and whenever it reads, a watcher ends with the state of the store", async () => {
    const operation = fc.record({
      name: fc.constantFrom("a", "b", "c"),
      what: fc.constantFrom("set s", "set t", "delete", "read"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const things = store();
        const stop = new AbortController();
        const watcher = things.watch(query("", ["s"]), { signal: stop.signal });
        const believed = new Map<string, number>();
        const read = async (): Promise<void> => {
          const { value } = await watcher.next();
          if (value?.deleted) assert.ok(believed.delete(value.entry.name), "deleted what was never told");
          else if (value) believed.set(value.entry.name, value.entry.version);
        };
        for (const [version, { name, what }] of operations.entries()) {
          if (what === "delete") things.delete(name);
          else if (what !== "read") things.set(thing(name, [what.slice(4)], version));
          else if (watcher.backlog > 0) await read();
        }
        while (watcher.backlog > 0) await read();
        stop.abort();
        const actual = things.find(query("", ["s"])).map(({ name, version }) => [name, version] as const);
        assert.deepEqual([...believed].sort(), actual.sort());
      }),
    );
  });
});
