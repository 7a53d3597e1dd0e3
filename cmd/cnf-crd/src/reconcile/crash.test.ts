import assert from "node:assert/strict";
import { test } from "node:test";
import { Mortal } from "../testing/mortal.ts";
import { bridge, bridgeKey, World } from "../testing/world.ts";

interface Story {
  readonly prepare: (world: World) => Promise<unknown>;
  readonly act: (world: World) => Promise<unknown>;
  readonly wanted: readonly string[];
}

const pair = (name: string, value = `{"name":"${name}"}`): string => `${bridgeKey(name)}=${value}`;
const foreign = ["/vnf-agent/a/config/vpp/l2/v2/bridge-domain/foreign={}", "/vnf-agent/a/vpp/status/v2/interface/x={}"];

/** @returns whether the controller outlived the story */
async function dieAt(n: number, before: boolean, story: Story): Promise<boolean> {
  await using world = await new World().start();
  for (const line of foreign) await world.etcd.put(...(line.split("=") as [string, string]));
  await story.prepare(world);
  await world.pass(2_000);
  await world.stopControllers();
  const mortal = new Mortal(n, { before });
  await world.startController(mortal.client(world.server), { etcd: mortal.etcd(world.etcd) });
  await story.act(world);
  await world.until(() => mortal.dead || world.stored().then((found) => isAll(found, story)), Boolean);
  const lived = !mortal.dead;
  mortal.kill();
  await world.stopControllers();
  await world.startController(world.server, { takeLease: true });
  await world.until(
    () => world.stored(),
    (found) => isAll(found, story),
  );
  await world.pass(3_000);
  assert.deepEqual(await world.stored(), [...foreign, ...story.wanted].toSorted());
  return lived;
}

const isAll = (found: readonly string[], { wanted }: Story): boolean =>
  JSON.stringify(found) === JSON.stringify([...foreign, ...wanted].toSorted());

/** For n = 1, 2, 3 … until the controller lives long enough. @returns how many places there were to die */
async function dieEverywhere(story: Story): Promise<number> {
  for (let n = 1; ; n++) {
    const lived = await Promise.all([dieAt(n, false, story), dieAt(n, true, story)]);
    if (lived.every(Boolean)) return n - 1;
    assert.ok(n < 60, "the controller writes without end");
  }
}

const many = (from: number, count: number): object[] => Array.from({ length: count }, (_, i) => bridge(`b${from + i}`));

const stories: Readonly<Record<string, Story>> = {
  "resources that are made": {
    prepare: async () => {},
    act: async (world) => {
      await world.create("one", [bridge("x"), bridge("y")]);
      await world.create("two", [bridge("z")]);
    },
    wanted: [pair("x"), pair("y"), pair("z")],
  },
  "a resource that gives one key to another and goes": {
    prepare: (world) => world.create("one", [bridge("x"), bridge("y")]),
    act: async (world) => {
      await world.create("two", [bridge("y", { flood: true })]);
      await world.change("one", [bridge("w")]);
      await world.pass(500);
      await world.remove("one");
    },
    wanted: [pair("y", '{"name":"y","flood":true}')],
  },
  "a resource that takes several transactions": {
    prepare: (world) => world.create("big", many(0, 200)),
    act: (world) => world.change("big", many(150, 200)),
    wanted: Array.from({ length: 200 }, (_, i) => pair(`b${150 + i}`)),
  },
  "a removal that takes several transactions": {
    prepare: (world) => world.create("big", many(0, 200)),
    act: (world) => world.remove("big"),
    wanted: [],
  },
};

for (const [what, story] of Object.entries(stories)) {
  test(`${what}: it goes on wherever the controller died`, { timeout: 120_000 }, async (t) => {
    t.diagnostic(`${await dieEverywhere(story)} places`);
  });
}
