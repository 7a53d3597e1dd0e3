import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { bridge, bridgeKey, World } from "../testing/world.ts";

const pair = (name: string, value = `{"name":"${name}"}`): string => `${bridgeKey(name)}=${value}`;
const noSpace = (): CodedError =>
  new CodedError("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", { details: { noSpace: true } });

test("while etcd is away the status of what it lacks says so, what it has is left alone, and all comes when it is back", async () => {
  await using world = await new World().start();
  await world.create("old", [bridge("x")]);
  await world.untilConditions("old", "Stored True Stored");
  const { patch } = world.server.requests;
  world.etcd.stop();
  await world.create("new", [bridge("y")]);
  await world.untilConditions("new", "Accepted True Accepted", "Stored False EtcdUnavailable", "Ready False NotStored");
  assert.match((await world.status("new")).message ?? "", /^etcd at memory cannot be reached/);
  await world.pass(60_000);
  assert.equal(world.server.requests.patch, patch + 1, "one status in all that time");
  world.etcd.start();
  await world.untilStored(pair("x"), pair("y"));
  await world.untilConditions("new", "Stored True Stored");
});

test("a controller that starts while etcd is away tells so, and goes on when it is there", async () => {
  await using world = await new World().start();
  await world.stopControllers();
  world.etcd.stop();
  await world.create("one", [bridge("x")]);
  await world.startController();
  await world.untilConditions("one", "Stored False EtcdUnavailable");
  world.etcd.start();
  await world.untilStored(pair("x"));
  await world.untilConditions("one", "Stored True Stored");
});

test("what was deleted while etcd was away is deleted there too", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  world.etcd.stop();
  await world.remove("one");
  await world.pass(5_000);
  world.etcd.start();
  await world.untilStored();
  assert.deepEqual(await world.recorded(), []);
});

test("out of space: the status says it, and it comes in order by itself", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  world.etcd.fault = (call) => (call === "txn" ? { before: noSpace() } : undefined);
  await world.create("two", [bridge("y")]);
  await world.untilConditions("two", "Stored False EtcdOutOfSpace");
  assert.match((await world.status("two")).message ?? "", /compact and defragment/);
  world.etcd.fault = () => undefined;
  await world.untilStored(pair("x"), pair("y"));
});

test("a transaction whose answer is lost is neither lost nor done twice", async () => {
  await using world = await new World().start();
  await world.untilStored();
  await world.pass(1_000);
  let lost = 0;
  const error = new CodedError("DEADLINE_EXCEEDED", "no answer", { details: { outcomeUnknown: true } });
  world.etcd.fault = (call) => (call === "txn" && lost++ === 0 ? { after: error } : undefined);
  const before = world.etcd.writes;
  await world.create("one", [bridge("x")]);
  await world.untilConditions("one", "Stored True Stored");
  assert.equal(world.etcd.writes, before + 1);
});

test("a store that was restored from a backup is brought to the truth, deleted resources included", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.create("two", [bridge("y")]);
  await world.untilStored(pair("x"), pair("y"));
  const backup = world.etcd.save();
  await world.change("one", [bridge("x", { flood: true }), bridge("z")]);
  await world.remove("two");
  await world.create("three", [bridge("w")]);
  const wanted = [pair("w"), pair("x", '{"name":"x","flood":true}'), pair("z")];
  await world.untilStored(...wanted);
  world.etcd.restore(backup);
  await world.untilStored(...wanted);
  assert.deepEqual(await world.recorded(), ["default/one", "default/three"]);
});

test("a resource whose removal a restored backup undid is removed again, whatever is heard of first", async () => {
  // Which of two connections is back first is a matter of chance.
  for (let round = 0; round < 12; round++) {
    await using world = await new World().start();
    await world.create("one", [bridge("x")]);
    await world.untilStored(pair("x"));
    const backup = world.etcd.save();
    await world.remove("one");
    await world.untilStored();
    world.etcd.restore(backup);
    await world.untilStored();
    await world.pass(5_000);
    assert.deepEqual([await world.stored(), await world.recorded()], [[], []]);
  }
});

test("an etcd that comes back empty is filled again", async () => {
  await using world = await new World().start();
  const empty = world.etcd.save();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  world.etcd.restore(empty, { newCluster: true });
  await world.untilStored(pair("x"));
});

test("a history that was compacted away while the watch was broken costs a new look, no more", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  world.etcd.dropWatches();
  await world.etcd.delete(bridgeKey("x"));
  const { revision } = await world.etcd.put("/unrelated", "");
  await world.etcd.compact(revision);
  await world.untilStored(pair("x"));
});

test("a change that etcd's watch never told of is found by comparing, in time", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.stopControllers();
  const deaf = new Proxy(world.etcd, {
    get: (etcd, name) => {
      const value = Reflect.get(etcd, name, etcd) as unknown;
      if (typeof value !== "function") return value;
      if (name !== "watch") return value.bind(etcd);
      return async function* (...args: Parameters<typeof etcd.watch>) {
        for await (const update of etcd.watch(...args)) if (update.kind !== "events") yield update;
      };
    },
  });
  await world.startController(world.server, { etcd: deaf });
  await world.untilConditions("one", "Stored True Stored");
  await world.pass(1_000);
  await world.etcd.delete(bridgeKey("x"));
  await world.pass(60_000);
  assert.deepEqual(await world.stored(), []);
  await world.until(
    () => world.stored(),
    (found) => found.includes(pair("x")),
    11 * 60_000,
  );
});

test("a leader that lost its office writes nothing more, whatever it still has in hand", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  const first = world.controller;
  const second = await world.startController(world.server, { takeLease: true });
  await world.until(() => second.leading, Boolean);
  await assert.rejects(
    world.until(
      () => Promise.race([first.done, Promise.resolve()]),
      () => false,
      30_000,
    ),
  );
  await world.create("two", [bridge("y")]);
  await world.untilStored(pair("x"), pair("y"));
  assert.equal(first.leading, false);
});
