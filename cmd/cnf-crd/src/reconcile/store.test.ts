import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";
import { cnfConfigurations } from "../declared/resource.ts";
import { bridge, bridgeKey, resource, World } from "../testing/world.ts";

const pair = (name: string, value = `{"name":"${name}"}`, label = "a"): string => `${bridgeKey(name, label)}=${value}`;

test("a resource is in etcd with one transaction, and its record beside it", async () => {
  await using world = await new World().start();
  await world.untilStored();
  const before = world.etcd.writes;
  await world.create("one", [bridge("x"), bridge("y", { label: "b" })]);
  await world.untilStored(pair("x"), pair("y", undefined, "b"));
  assert.deepEqual(await world.recorded(), ["default/one"]);
  // The fence of the leader may come in between.
  assert.ok(world.etcd.writes - before <= 2);
  const { modRevision } = (await world.etcd.get(bridgeKey("x"))) ?? {};
  assert.equal((await world.etcd.get(bridgeKey("y", "b")))?.modRevision, modRevision);
});

test("a change writes what changed and deletes what vanished, at one revision", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x"), bridge("y"), bridge("z")]);
  await world.untilStored(pair("x"), pair("y"), pair("z"));
  const [x, writes] = [await world.etcd.get(bridgeKey("x")), world.etcd.writes];
  await world.change("one", [bridge("x"), bridge("y", { flood: true }), bridge("w")]);
  await world.untilStored(pair("w"), pair("x"), pair("y", '{"name":"y","flood":true}'));
  assert.equal(world.etcd.writes, writes + 1);
  assert.equal(
    (await world.etcd.get(bridgeKey("x")))?.modRevision,
    x?.modRevision,
    "what did not change is not written",
  );
});

test("a deleted resource leaves nothing", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.remove("one");
  await world.untilStored();
  assert.deepEqual(await world.recorded(), []);
});

test("what was deleted or changed while no controller ran is cleaned at the next start", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x"), bridge("y")]);
  await world.create("two", [bridge("z")]);
  await world.untilStored(pair("x"), pair("y"), pair("z"));
  await world.stopControllers();
  await world.remove("two");
  await world.change("one", [bridge("x")]);
  await world.startController();
  await world.untilStored(pair("x"));
  assert.deepEqual(await world.recorded(), ["default/one"]);
});

test("a resource that only the last leader has heard of yet is not taken for one that is gone", async () => {
  await using world = await new World().start();
  await world.create("old", [bridge("x")]);
  await world.untilStored(pair("x"));
  const { items, resourceVersion } = await world.server.list(cnfConfigurations);
  await world.create("new", [bridge("y")]);
  await world.untilStored(pair("x"), pair("y"));
  await world.stopControllers();
  const { modRevision } = (await world.etcd.get(bridgeKey("y"))) ?? {};
  // The new leader's API server lags behind.
  let behind = true;
  const lagging = new Proxy(world.server, {
    get: (server, name) => {
      const value = Reflect.get(server, name, server) as unknown;
      if (typeof value !== "function") return value;
      if (name === "list") return async () => (behind ? { items, resourceVersion } : server.list(cnfConfigurations));
      if (name !== "watch") return value.bind(server);
      return async function* (...args: Parameters<typeof server.watch>) {
        for await (const event of server.watch(...args)) {
          await world.clock.sleep(5_000);
          behind = false;
          yield event;
        }
      };
    },
  });
  await world.startController(lagging);
  await world.pass(20_000);
  await world.untilStored(pair("x"), pair("y"));
  assert.equal((await world.etcd.get(bridgeKey("y")))?.modRevision, modRevision, "it was never away");
});

test("a start with nothing to do writes nothing but who leads", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilConditions("one", "Ready Unknown NotReported");
  await world.stopControllers();
  const etcdWrites = world.etcd.writes;
  const { patch } = world.server.requests;
  await world.startController();
  await world.until(
    () => world.etcd.writes,
    (writes) => writes > etcdWrites,
  );
  await world.pass(5_000);
  assert.equal(world.etcd.writes, etcdWrites + 1);
  assert.equal(world.server.requests.patch, patch);
});

test("keys of the first controller, which kept no records, are adopted when their values mean the same", async () => {
  await using world = await new World().start();
  await world.etcd.put(bridgeKey("x"), '{ "flood": false, "name": "x" }');
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  assert.deepEqual(await world.recorded(), ["default/one"]);
});

test("a key with another value that nobody owns is neither overwritten nor deleted, until it goes or its user says so", async () => {
  await using world = await new World().start();
  await world.etcd.put(bridgeKey("x"), '{"name":"x","learn":true}');
  await world.create("one", [bridge("x"), bridge("y")]);
  await world.untilConditions("one", "Accepted False Conflict", "Stored False NotAccepted", "Ready False Conflict");
  await world.untilStored(pair("x", '{"name":"x","learn":true}'));
  assert.match((await world.status("one")).items?.[0]?.message ?? "", /pantheon\.tech\/take-over: "true"/);
  await world.remove("one");
  await world.pass(1_000);
  await world.untilStored(pair("x", '{"name":"x","learn":true}'));
  await world.create("two", [bridge("x")], { annotations: { "pantheon.tech/take-over": "true" } });
  await world.untilStored(pair("x"));
  await world.etcd.put(bridgeKey("z"), "{}");
  await world.create("three", [bridge("z")]);
  await world.untilConditions("three", "Accepted False Conflict");
  await world.etcd.delete(bridgeKey("z"));
  await world.untilStored(pair("x"), pair("z"));
});

test("two resources that claim one key: the first keeps it, the second gets it when the first lets go", async () => {
  await using world = await new World().start();
  await world.create("first", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.pass(1_000);
  await world.create("second", [bridge("x", { flood: true }), bridge("y")]);
  await world.untilConditions("second", "Accepted False Conflict");
  const { items } = await world.status("second");
  assert.match(items?.[0]?.message ?? "", /belongs to CNFConfiguration default\/first/);
  assert.deepEqual(
    items?.map(({ state }) => state),
    ["FAILED", "PENDING"],
  );
  await world.untilStored(pair("x"));
  await world.change("first", [bridge("w")]);
  await world.untilStored(pair("w"), pair("x", '{"name":"x","flood":true}'), pair("y"));
  await world.untilConditions("second", "Accepted True Accepted");
});

test("what waits for a key gets it also when the removal before needed a second try", async () => {
  await using world = await new World().start();
  await world.create("first", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.create("second", [bridge("x", { flood: true })]);
  await world.untilConditions("second", "Accepted False Conflict");
  let failures = 2;
  const error = new CodedError("UNAVAILABLE", "no answer");
  world.etcd.fault = (call) => (call === "txn" && failures-- > 0 ? { before: error } : undefined);
  await world.remove("first");
  await world.untilStored(pair("x", '{"name":"x","flood":true}'));
});

test("of two that were there before etcd was, the older one wins, whatever their names", async () => {
  await using world = await new World().start();
  world.etcd.stop();
  await world.create("zz", [bridge("x")]);
  await world.pass(2_000);
  await world.create("aa", [bridge("x", { flood: true })]);
  await world.pass(1_000);
  world.etcd.start();
  await world.untilConditions("aa", "Accepted False Conflict");
  await world.untilStored(pair("x"));
});

test("statuses, notifications and other keys of agents stay as they are", async () => {
  await using world = await new World().start();
  const foreign = [
    "/vnf-agent/a/config-status/vpp/q",
    "/vnf-agent/a/vpp/status/v2/interface/x",
    "/vnf-agent/global/notification/n",
  ];
  for (const key of foreign) await world.etcd.put(key, "{}");
  await world.create("one", [bridge("x")]);
  await world.untilStored(...foreign.map((key) => `${key}={}`), pair("x"));
  await world.remove("one");
  await world.untilStored(...foreign.map((key) => `${key}={}`));
});

test("a key of ours that somebody changes or deletes is put right, a quarrel with growing pauses", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.etcd.delete(bridgeKey("x"));
  await world.untilStored(pair("x"));
  const writes = world.etcd.writes;
  for (let ms = 0; ms < 60_000; ms += 500) {
    await world.etcd.put(bridgeKey("x"), "{}");
    await world.pass(500);
  }
  assert.ok(world.etcd.writes - writes - 120 < 10, `${world.etcd.writes - writes - 120} repairs in a minute`);
  await world.untilStored(pair("x"));
});

test("an invalid resource leaves what its last right generation put there", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.change("one", [bridge("y"), { module: "vpp.l2", type: "bridge-domain", data: "nam: z" }]);
  await world.untilConditions("one", "Accepted False Invalid", "Stored False NotAccepted");
  await world.untilStored(pair("x"));
  assert.deepEqual(
    (await world.status("one")).items?.map(({ state }) => state),
    ["PENDING", "INVALID"],
  );
  await world.change("one", [bridge("y")]);
  await world.untilStored(pair("y"));
});

test("a resource that is deleted and made anew under its name goes on with its keys", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  await world.stopControllers();
  await world.remove("one");
  await world.server.create(cnfConfigurations, resource("one", [bridge("x"), bridge("y")]));
  await world.startController();
  await world.untilStored(pair("x"), pair("y"));
});

test("more items than a transaction takes are split, and the record always has what is there", async () => {
  await using world = await new World().start();
  const many = (from: number, count: number): object[] =>
    Array.from({ length: count }, (_, i) => bridge(`b${from + i}`));
  const records: number[] = [];
  await world.create("big", many(0, 300));
  await world.until(
    () => world.stored(),
    (found) => found.length === 300,
  );
  const written = world.etcd.writes;
  await world.change("big", many(200, 300));
  await world.until(
    async () => {
      records.push((await world.stored()).length);
      return world.stored();
    },
    (found) => found.length === 300 && found.some((line) => line.startsWith(`${bridgeKey("b499")}=`)),
  );
  assert.equal(world.etcd.writes - written, Math.ceil(400 / 126));
  await world.remove("big");
  await world.untilStored();
  assert.deepEqual(await world.recorded(), []);
});

test("the leader's key is the first thing that every transaction compares", async () => {
  await using world = await new World().start();
  await world.create("one", [bridge("x")]);
  await world.untilStored(pair("x"));
  const [leader] = (await world.etcd.list({ key: "/cnf-crd/", end: "/cnf-crd0" })).kvs.filter(({ key }) =>
    textOf(key)?.endsWith("/leader"),
  );
  assert.match(textOf(leader?.value ?? new Uint8Array()) ?? "", /^cnf-crd-0_/);
  await world.etcd.put(leader?.key ?? "", "somebody else");
  await world.create("two", [bridge("y")]);
  // The Lease is still ours, so the right to write is taken back and nothing is lost.
  await world.untilStored(pair("x"), pair("y"));
});
