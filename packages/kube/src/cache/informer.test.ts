import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock, settle } from "@nsmkit/core/testing";
import { MemoryApiServer } from "../testing/apiserver.ts";
import { type ConfigMap, configMap, configMaps } from "../testing/client-cases.ts";
import { Informer } from "./informer.ts";

function start(server: MemoryApiServer) {
  const clock = new FakeClock();
  const log: string[] = [];
  const informer = new Informer<ConfigMap>({ client: server, resource: configMaps, clock });
  informer.index("data", (object) => Object.keys(object.data ?? {}));
  informer.onChange((change) => log.push(`${change.type} ${change.object.metadata.name}`));
  informer.start();
  return { clock, informer, log };
}

test("the cache holds what was there and follows what changes", async () => {
  const server = new MemoryApiServer();
  await server.create(configMaps, configMap("a", { x: "1" }));
  const { informer, log } = start(server);
  await informer.synced({ signal: AbortSignal.timeout(1000) });
  await server.create(configMaps, configMap("b", { x: "1" }));
  await server.mergePatch(configMaps, { namespace: "default", name: "a" }, { data: { x: null, y: "1" } });
  await server.delete(configMaps, { namespace: "default", name: "b" });
  await settle();
  assert.deepEqual(log, ["added a", "added b", "updated a", "deleted b"]);
  assert.deepEqual(informer.byIndex("data", "x"), []);
  assert.deepEqual(
    informer.byIndex("data", "y").map((o) => o.metadata.name),
    ["a"],
  );
  await informer.close();
});

test("a cut watch goes on where it was, without another list", async () => {
  const server = new MemoryApiServer();
  const { clock, informer, log } = start(server);
  await settle();
  server.cutWatches();
  await server.create(configMaps, configMap("a", {}));
  await clock.advance(1000);
  assert.deepEqual(log, ["added a"]);
  assert.equal(server.requests.list, 1);
  await informer.close();
});

test("after an expired version the list is read again, and what vanished meanwhile is told as deleted", async () => {
  const server = new MemoryApiServer();
  await server.create(configMaps, configMap("goes", {}));
  await server.create(configMaps, configMap("stays", {}));
  const { clock, informer, log } = start(server);
  await settle();
  let down = true;
  server.intercept = (verb) => {
    if (down && (verb === "watch" || verb === "list")) throw new CodedError("UNAVAILABLE", "down");
  };
  server.cutWatches();
  await clock.advance(1000);
  await server.delete(configMaps, { namespace: "default", name: "goes" });
  await server.create(configMaps, configMap("comes", {}));
  server.compact();
  await server.create(configMaps, configMap("later", {}));
  down = false;
  await clock.advance(60_000);
  assert.deepEqual(log.slice(2).sort(), ["added comes", "added later", "deleted goes"]);
  assert.equal(server.requests.list >= 2, true);
  await informer.close();
});

test("a server that ends every watch at once is not asked in a tight loop", async () => {
  const server = new MemoryApiServer();
  const { clock, informer } = start(server);
  server.intercept = (verb) => {
    if (verb === "watch") setImmediate(() => server.cutWatches());
  };
  await clock.advance(60_000);
  server.intercept = () => {};
  assert.ok(server.requests.watch < 60, `${server.requests.watch} watches in a minute`);
  await informer.close();
});

test("what a write answered is seen before the watch brings it, and told to nobody", async () => {
  const server = new MemoryApiServer();
  const { informer, log } = start(server);
  await informer.synced({ signal: AbortSignal.timeout(1000) });
  const made = await server.create(configMaps, configMap("a", { x: "1" }));
  informer.learn(made);
  assert.equal(informer.get("default/a")?.data?.x, "1");
  await settle();
  assert.deepEqual(log, []);
  const changed = await server.mergePatch(configMaps, { namespace: "default", name: "a" }, { data: { x: "2" } });
  informer.learn(changed);
  informer.learn(made);
  assert.equal(informer.get("default/a")?.data?.x, "2");
  await informer.close();
});

test("an object that we deleted does not come back through late events", async () => {
  const server = new MemoryApiServer();
  const { informer, log } = start(server);
  await informer.synced({ signal: AbortSignal.timeout(1000) });
  const made = await server.create(configMaps, configMap("a", {}));
  await server.delete(configMaps, { namespace: "default", name: "a" });
  informer.forget(made);
  log.length = 0;
  const again = await server.create(configMaps, configMap("a", { again: "1" }));
  await settle();
  assert.equal(informer.get("default/a")?.metadata.uid, again.metadata.uid);
  assert.deepEqual(log, ["added a"]);
  await informer.close();
});

test("a change that no watch can bring is listed", async () => {
  const server = new MemoryApiServer();
  const { clock, informer, log } = start(server);
  await informer.synced({ signal: AbortSignal.timeout(1000) });
  server.intercept = (verb) => {
    if (verb === "watch") throw new CodedError("PROTOCOL", "a line is no JSON");
  };
  server.cutWatches();
  await server.create(configMaps, configMap("big", {}));
  await clock.advance(10_000);
  assert.deepEqual(log, ["added big"]);
  await informer.close();
});

test("watches that are cut now and then are taken up again at once, however often it happened", async () => {
  const server = new MemoryApiServer();
  const { clock, informer, log } = start(server);
  await informer.synced({ signal: AbortSignal.timeout(1000) });
  let cut: (() => void) | undefined;
  server.intercept = (verb) => {
    if (verb !== "watch" || !cut) return;
    cut = undefined;
    throw new CodedError("UNAVAILABLE", "cut");
  };
  for (let hour = 0; hour < 20; hour++) {
    await clock.advance(60_000);
    cut = () => {};
    server.cutWatches();
    await clock.advance(300);
  }
  await server.create(configMaps, configMap("seen", {}));
  await clock.advance(300);
  assert.deepEqual(log, ["added seen"]);
  await informer.close();
});
