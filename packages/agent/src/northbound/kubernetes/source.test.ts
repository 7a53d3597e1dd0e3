import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { KubernetesWorld, link, resource, until } from "./fixtures.ts";

test("what resources declare for the agent's label is taken, what is for others is left", async () => {
  await using w = new KubernetesWorld();
  await w.put(resource("a", [link("a1"), link("a2", "other")]));
  await w.put(resource("b", [link("b1")], "other"));
  const { start, names } = w.agent();
  await start();
  assert.deepEqual(names(), ["a1"]);
  await w.put(resource("a", [link("a3")]));
  await until(() => names().join() === "a3");
  await w.remove("a");
  await until(() => names().length === 0);
});

test("all that is there at first is one transaction, which compares the system with it", async () => {
  await using w = new KubernetesWorld();
  for (let i = 0; i < 20; i++) await w.put(resource(`r${i}`, [link(`l${i}`)]));
  const { start, scheduler } = w.agent();
  await start();
  await scheduler.barrier();
  const [first, ...more] = scheduler.history();
  assert.deepEqual([first?.ResyncType, first?.Executed?.length, more.length], ["FullResync", 20, 0]);
});

test("with a mistake in one item, also one for another agent, all that the resource said before stays in force", async () => {
  await using w = new KubernetesWorld();
  await w.put(resource("a", [link("a1")]));
  const { source, start, names } = w.agent();
  await start();
  await until(async () => (await w.ready("a")) === "True Configured", "configured");
  await w.put(resource("a", [link("a2"), link("x", "other", "mtuu: 3")]));
  await until(async () => (await w.ready("a")) === "False Invalid", "invalid");
  assert.deepEqual(names(), ["a1"]);
  const { status } = await w.get("a");
  assert.match(status?.items?.[1]?.message ?? "", /mtuu/);
  assert.deepEqual(
    source.details.refused.map((one) => one.resource),
    ["default/a"],
  );
});

test("a key belongs to the older resource until that one lets go of it", async () => {
  await using w = new KubernetesWorld();
  const { start, northbound } = w.agent();
  await start();
  await w.put(resource("z", [link("same", undefined, "mtu: 1400")]));
  await until(async () => (await w.ready("z")) === "True Configured", "first one configured");
  await w.put(resource("a", [link("same", undefined, "mtu: 1300")]));
  await until(async () => (await w.ready("a")) === "False Conflict", "second one refused");
  assert.match((await w.get("a")).status?.message ?? "", /declared by CNFConfiguration default\/z too/);
  const mtu = () => (([...northbound.store.merged.values()][0]?.value ?? {}) as { mtu?: number }).mtu;
  assert.equal(mtu(), 1400);
  await w.remove("z");
  await until(async () => (await w.ready("a")) === "True Configured", "second one takes over");
  assert.equal(mtu(), 1300);
});

test("what the agent's own checks refuse is told at its resource, and others are taken", async () => {
  await using w = new KubernetesWorld();
  await w.put(resource("bad", [link("fine"), link("wrong")]));
  await w.put(resource("good", [link("good")]));
  const { start, names } = w.agent("nat", {
    checks: [
      (batch, _merged, problems) => {
        for (const item of batch) if (item.key.endsWith("wrong")) problems.add(item.place, "wrong is no name");
      },
    ],
  });
  await start();
  await until(async () => (await w.ready("bad")) === "False Invalid", "refused");
  assert.deepEqual(names(), ["good"]);
  const { status } = await w.get("bad");
  assert.deepEqual(
    status?.items?.map(({ state }) => state),
    ["PENDING", "INVALID"],
  );
});

test("a value that fails shows why, and a model that the agent does not have shows that", async () => {
  await using w = new KubernetesWorld();
  const create = (): Promise<undefined> => Promise.reject(new CodedError("KERNEL", "no such device"));
  const { start } = w.agent("nat", { descriptor: { create, delete: async () => {} } });
  await start();
  const nat = { module: "vpp.nat", type: "nat44-global", data: "forwarding: true" };
  await w.put(resource("a", [link("a1"), nat]));
  await until(async () => (await w.ready("a")) === "False ItemsFailed", "failed");
  const texts = (await w.get("a")).status?.items?.map(({ state, message }) => `${state} ${message}`);
  assert.match(texts?.[0] ?? "", /FAILED no such device/);
  assert.match(texts?.[1] ?? "", /FAILED this agent cannot configure/);
});

test("two agents share a resource: it is Ready when both have done their part, and then nobody writes any more", async () => {
  await using w = new KubernetesWorld();
  const [one, two] = [w.agent("one"), w.agent("two")];
  await w.put(resource("a", [link("a1", "one"), link("a2", "two")], undefined));
  await one.start();
  await until(async () => (await w.ready("a")) === "Unknown NotReported", "one has reported");
  await two.start();
  await until(async () => (await w.ready("a")) === "True Configured", "both have reported");
  await new Promise((resolve) => setTimeout(resolve, 400));
  const { resourceVersion } = (await w.get("a")).metadata;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal((await w.get("a")).metadata.resourceVersion, resourceVersion);
});

test("while the API server is away nothing is withdrawn, and afterwards what was removed meanwhile goes", async () => {
  await using w = new KubernetesWorld();
  await w.put(resource("a", [link("a1")]));
  await w.put(resource("b", [link("b1")]));
  const { start, names } = w.agent();
  await start();
  w.api.intercept = () => {
    throw new CodedError("UNAVAILABLE", "away");
  };
  w.api.cutWatches();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(names(), ["a1", "b1"]);
  w.api.intercept = () => {};
  await w.remove("b");
  await until(() => names().join() === "a1");
});

test("an agent starts without the API server, and compares the system with everything when it comes", async () => {
  await using w = new KubernetesWorld();
  await w.put(resource("a", [link("a1")]));
  w.api.intercept = () => {
    throw new CodedError("UNAVAILABLE", "away");
  };
  const { source, start, scheduler, names } = w.agent();
  assert.equal(await start(), false);
  assert.equal(source.status().state, "INIT");
  w.api.intercept = () => {};
  await until(() => names().join() === "a1");
  await scheduler.barrier();
  assert.deepEqual([source.status().state, scheduler.history().at(-1)?.ResyncType], ["OK", "FullResync"]);
});
