import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Connection,
  type ConnectionEvent,
  ConnectionEventType,
  MonitorScopeSelectorSchema,
  State,
} from "@nsmkit/api/networkservice";
import fc from "fast-check";
import { connectionWith } from "../../../testing/elements.ts";
import { MonitorHub } from "./hub.ts";
import { indexKeys, selectorKey, selects } from "./selector.ts";

type Selector = MessageInitShape<typeof MonitorScopeSelectorSchema>;

const connection = (id: string, more: Partial<Connection> = {}): Connection => {
  const pathSegments = [
    { name: "nsc", id: `${id}-c` },
    { name: "nsmgr", id },
    { name: "fwd", id: `${id}-f` },
  ];
  return Object.assign(connectionWith({ id, networkService: "web", path: { index: 1, pathSegments } }), more);
};

function watch(hub: MonitorHub, selector: Selector = {}) {
  const end = new AbortController();
  const events = hub.watch(create(MonitorScopeSelectorSchema, selector), { signal: end.signal });
  const next = async (): Promise<string> => {
    const { value } = (await events.next()) as { value: ConnectionEvent };
    return `${ConnectionEventType[value.type]} ${Object.keys(value.connections).sort().join(" ")}`.trim();
  };
  const stop = async (): Promise<void> => {
    end.abort();
    while (!(await events.next()).done);
  };
  return { next, stop, events };
}

test("the first event is the initial transfer, at once and even if empty", async () => {
  const watcher = watch(new MonitorHub());
  assert.equal(await watcher.next(), "INITIAL_STATE_TRANSFER");
  await watcher.stop();
});

test("the initial transfer has what the selector selects", async () => {
  const hub = new MonitorHub();
  hub.update(connection("a"));
  hub.update(connection("b"));
  const watcher = watch(hub, { pathSegments: [{ id: "b-c" }] });
  assert.equal(await watcher.next(), "INITIAL_STATE_TRANSFER b");
  await watcher.stop();
});

test("a watcher hears updates and deletions of its connections and of no others", async () => {
  const hub = new MonitorHub();
  const watcher = watch(hub, { pathSegments: [{ name: "nsc", id: "a-c" }] });
  await watcher.next();
  hub.update(connection("b"));
  hub.update(connection("a"));
  assert.equal(await watcher.next(), "UPDATE a");
  hub.remove(connection("b"));
  hub.remove(connection("a"));
  assert.equal(await watcher.next(), "DELETE a");
  await watcher.stop();
});

test("a slow watcher gets the latest of each connection, not every change", async () => {
  const hub = new MonitorHub();
  const watcher = watch(hub);
  await watcher.next();
  for (const state of [State.UP, State.DOWN, State.UP, State.DOWN]) hub.update(connection("a", { state }));
  hub.update(connection("b"));
  const { value } = (await watcher.events.next()) as { value: ConnectionEvent };
  assert.deepEqual(
    Object.entries(value.connections).map(([id, { state }]) => [id, state]),
    [
      ["a", State.DOWN],
      ["b", State.UP],
    ],
  );
  await watcher.stop();
});

test("a large state comes in parts that gRPC peers take", async () => {
  const hub = new MonitorHub();
  for (let at = 0; at < 300; at++) hub.update(connection(`c${at}`));
  const watcher = watch(hub);
  const sizes = [];
  for (let part = 0; part < 2; part++) {
    const { value } = (await watcher.events.next()) as { value: ConnectionEvent };
    assert.equal(value.type, ConnectionEventType.INITIAL_STATE_TRANSFER);
    sizes.push(Object.keys(value.connections).length);
  }
  assert.deepEqual(sizes, [256, 44]);
  await watcher.stop();
});

test("nothing is left when connections and watchers are gone", async () => {
  const hub = new MonitorHub();
  const watcher = watch(hub, { pathSegments: [{ name: "nsc" }] });
  await watcher.next();
  hub.update(connection("a"));
  hub.update(connectionWith({ id: "a", path: { pathSegments: [{ name: "nsc", id: "other" }] } }));
  hub.remove(connection("a"));
  await watcher.stop();
  assert.deepEqual([hub.size, hub.entries], [0, 0]);
});

const selected = (selector: Selector) => selects(create(MonitorScopeSelectorSchema, selector), connection("a"));

test("an empty selector selects everything; a network service must be named exactly", () => {
  assert.equal(selected({}), true);
  assert.equal(selected({ networkServices: ["db", "web"] }), true);
  assert.equal(selected({ networkServices: ["we"] }), false);
});

test("path segments select a run of neighbours, empty fields anything", () => {
  assert.equal(selected({ pathSegments: [{ name: "nsmgr" }, { name: "fwd" }] }), true);
  assert.equal(selected({ pathSegments: [{ name: "nsmgr" }, {}] }), true);
  assert.equal(selected({ pathSegments: [{ name: "nsc" }, { name: "fwd" }] }), false);
  assert.equal(selected({ pathSegments: [{ name: "fwd" }, {}] }), false);
  assert.equal(selected({ pathSegments: [{ name: "nsc", id: "a" }] }), false);
  assert.equal(selected({ pathSegments: [{ token: "t" }] }), false);
});

test("whatever a selector selects is found by its index key", () => {
  const name = fc.constantFrom("", "nsc", "nsmgr", "x");
  const id = fc.constantFrom("", "1", "2");
  const segment = fc.record({ name, id });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 3 }), fc.array(segment, { maxLength: 4 }), (wanted, path) => {
      const selector = create(MonitorScopeSelectorSchema, { pathSegments: wanted });
      const there = connectionWith({ path: { pathSegments: path } });
      if (selects(selector, there)) assert.ok(indexKeys(there).has(selectorKey(selector)));
    }),
  );
});
