import assert from "node:assert/strict";
import { test } from "node:test";
import { createScheduler, type Descriptor, exactKey, keyPrefix } from "./index.ts";
import { FakeSouthbound, testDescriptor } from "./testing/index.ts";

const named = (name: string, keySelector: Descriptor["keySelector"]): Descriptor => ({ name, keySelector });

for (const [title, first, second, code] of [
  ["the same name", named("a", keyPrefix("x/")), named("a", keyPrefix("y/")), "ALREADY_EXISTS"],
  ["the same prefix", named("a", keyPrefix("x/")), named("b", keyPrefix("x/")), "CONFLICT"],
  ["a prefix within another's", named("a", keyPrefix("x/y/")), named("b", keyPrefix("x/")), "CONFLICT"],
  ["a single key within another's prefix", named("a", keyPrefix("x/")), named("b", exactKey("x/1")), "CONFLICT"],
  ["the same single key", named("a", exactKey("x")), named("b", exactKey("x")), "CONFLICT"],
] as const) {
  test(`registering ${title} is refused, and nothing of the call is kept`, () => {
    const scheduler = createScheduler({ descriptors: [first] });
    assert.throws(() => scheduler.register(named("innocent", keyPrefix("z/")), second), { code });
    scheduler.register(named("innocent", keyPrefix("z/")));
    return scheduler.close();
  });
}

test("descriptors whose predicates divide one prefix can live together", () => {
  const scheduler = createScheduler({
    descriptors: [
      named(
        "addresses",
        keyPrefix("if/", (key) => key.includes("/address/")),
      ),
      named(
        "vrfs",
        keyPrefix("if/", (key) => key.includes("/vrf/")),
      ),
    ],
  });
  return scheduler.close();
});

test("a descriptor that would take a known key away from another is refused", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({
    descriptors: [testDescriptor(southbound, "if/", { keySelector: keyPrefix("if/", (key) => key.includes("x")) })],
  });
  await scheduler.transaction().set("if/xy", {}).commit();
  const clash = testDescriptor(southbound, "other/", { keySelector: keyPrefix("if/", (key) => key.includes("y")) });
  assert.throws(() => scheduler.register(clash), { code: "CONFLICT", message: /if\/xy/ });
});

test("a key that turns out to belong to two descriptors is refused, naming both", async () => {
  const southbound = new FakeSouthbound();
  await using scheduler = createScheduler({
    descriptors: [
      testDescriptor(southbound, "one/", { keySelector: keyPrefix("if/", (key) => key.includes("x")) }),
      testDescriptor(southbound, "two/", { keySelector: keyPrefix("if/", (key) => key.includes("y")) }),
    ],
  });
  const { values } = await scheduler.transaction().set("if/xy", {}).set("if/x", {}).commit();
  assert.equal(values["if/xy"]?.state, "INVALID");
  assert.match(values["if/xy"]?.error ?? "", /"one" and "two"/);
  assert.equal(values["if/x"]?.state, "CONFIGURED");
});

test("retrieve dependencies in a circle are refused, naming the circle", () => {
  const a = { ...named("a", keyPrefix("a/")), retrieveDependencies: ["b"] };
  const b = { ...named("b", keyPrefix("b/")), retrieveDependencies: ["a"] };
  assert.throws(() => createScheduler({ descriptors: [a, b] }), { code: "INVALID_ARGUMENT", message: /a -> b -> a/ });
});

test("what cannot work is refused at registration", () => {
  const create = () => undefined;
  for (const wrong of [
    { ...named("", keyPrefix("a/")) },
    { ...named("a", keyPrefix("a/")), create },
    { ...named("a", keyPrefix("a/")), delete: () => {} },
    { ...named("a", keyPrefix("a/")), timeoutMs: 0 },
    { ...named("a", keyPrefix("a/")), concurrency: 0 },
  ]) {
    assert.throws(() => createScheduler({ descriptors: [wrong] }), { code: "INVALID_ARGUMENT" });
  }
});

test("a descriptor is retrieved after those it names, and sees their metadata", async () => {
  const southbound = new FakeSouthbound();
  const order: string[] = [];
  await using scheduler = createScheduler({
    descriptors: [
      testDescriptor(southbound, "addr/", {
        retrieveDependencies: ["if"],
        retrieve: () => {
          order.push(`addr, if is ${scheduler.metadata("if").get("if/a")}`);
          return [];
        },
      }),
      testDescriptor(southbound, "if/", {
        withMetadata: true,
        retrieve: async () => {
          await Promise.resolve();
          order.push("if");
          return [{ key: "if/a", value: {}, metadata: 7, origin: "NB" }];
        },
      }),
    ],
  });
  await scheduler.transaction().set("if/a", {}).commit({ resync: "full" });
  assert.deepEqual(order, ["if", "addr, if is 7"]);
});

test("at the first resync descriptors compare with what northbound wants, later with what is believed to exist", async () => {
  const southbound = new FakeSouthbound();
  const correlated: string[][] = [];
  await using scheduler = createScheduler({
    descriptors: [
      testDescriptor(southbound, "if/", {
        retrieve: ({ correlate }) => {
          correlated.push(correlate.map(({ key }) => key));
          return [...southbound.values].map(([key, value]) => ({ key, value: value as object, origin: "NB" }));
        },
      }),
    ],
  });
  await scheduler.transaction().set("if/a", {}).commit({ resync: "full" });
  await scheduler.transaction().set("if/b", {}).commit({ resync: "full" });
  assert.deepEqual(correlated, [["if/a"], ["if/a"]]);
});
