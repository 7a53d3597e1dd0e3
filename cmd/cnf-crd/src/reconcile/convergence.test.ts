import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Mortal } from "../testing/mortal.ts";
import { bridge, bridgeKey, World } from "../testing/world.ts";

const names = ["one", "two", "three"];
const keys = ["p", "q", "r"];

type Step =
  | { readonly do: "declare"; readonly name: string; readonly keys: readonly string[]; readonly flood: boolean }
  | { readonly do: "remove"; readonly name: string }
  | { readonly do: "crash"; readonly after: number; readonly before: boolean }
  | { readonly do: "etcd away" | "etcd back" | "restart" | "wait" | "save" | "restore" }
  | { readonly do: "tamper"; readonly key: string; readonly deleted: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("declare" as const),
      name: fc.constantFrom(...names),
      keys: fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 3 }),
      flood: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("remove" as const), name: fc.constantFrom(...names) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("save" as const, "restore" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      after: fc.integer({ min: 1, max: 8 }),
      before: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("etcd away" as const, "etcd back" as const, "restart" as const, "wait" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("tamper" as const), key: fc.constantFrom(...keys), deleted: fc.boolean() }),
  },
);

/** What users and the world did, and what must be true in the end: each key once, of a resource that declares it. */
class Story {
  readonly world: World;
  readonly declared = new Map<string, { keys: readonly string[]; flood: boolean }>();
  #saved: ReturnType<World["etcd"]["save"]>;
  #mortal: Mortal | undefined;

  constructor(world: World) {
    this.world = world;
    this.#saved = world.etcd.save();
  }

  async run(one: Step): Promise<void> {
    const { world } = this;
    switch (one.do) {
      case "declare": {
        const items = one.keys.map((key) => bridge(key, one.flood ? { flood: true } : {}));
        await (this.declared.has(one.name) ? world.change(one.name, items) : world.create(one.name, items));
        this.declared.set(one.name, { keys: one.keys, flood: one.flood });
        return;
      }
      case "remove":
        if (this.declared.delete(one.name)) await world.remove(one.name);
        return;
      case "crash":
        return this.#restart(new Mortal(one.after, { before: one.before }));
      case "restart":
        return this.#restart();
      case "wait":
        return world.pass(3_000);
      case "etcd away":
        return world.etcd.stop();
      case "etcd back":
        return world.etcd.start();
      case "save":
        this.#saved = world.etcd.save();
        return;
      case "restore":
        world.etcd.restore(this.#saved);
        return;
      case "tamper": {
        // Only keys that are owned by then; a key that nobody owns would be a conflict by right.
        const kv = await world.etcd.get(bridgeKey(one.key)).catch(() => undefined);
        if (!kv) return;
        await (one.deleted
          ? world.etcd.delete(bridgeKey(one.key))
          : world.etcd.put(bridgeKey(one.key), '{"name":"tampered"}'));
      }
    }
  }

  async #restart(mortal?: Mortal): Promise<void> {
    const { world } = this;
    this.#mortal?.kill();
    await world.stopControllers();
    this.#mortal = mortal;
    if (mortal) {
      await world.startController(mortal.client(world.server), { etcd: mortal.etcd(world.etcd), takeLease: true });
    } else await world.startController(world.server, { takeLease: true });
  }

  /** A healthy controller and a healthy etcd, and time enough. */
  async end(): Promise<void> {
    this.world.etcd.start();
    // One that lives must come in order by itself.
    if (this.#mortal) await this.#restart();
    await this.world.pass(90_000);
  }
}

test("whatever happens in whatever order, in the end each key is that of one resource that declares it, and no other key is touched", {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      await using world = await new World().start();
      const others = ["/vnf-agent/a/config/vpp/l2/v2/bridge-domain/foreign", "/vnf-agent/a/config-status/x", "/other"];
      for (const key of others) await world.etcd.put(key, "{}");
      const story = new Story(world);
      for (const one of steps) {
        await story.run(one);
        await world.pass(100);
      }
      await story.end();
      for (const key of others) assert.equal(String(await world.etcd.get(key).then((kv) => kv?.version)), "1", key);
      const stored = await world.stored();
      const ours = stored.filter((line) => keys.some((key) => line.startsWith(`${bridgeKey(key)}=`)));
      const expected = new Set<string>();
      for (const name of story.declared.keys()) {
        const conditions = await world.conditions(name);
        const { keys: wanted = [], flood } = story.declared.get(name) ?? {};
        const lines = wanted.map((key) => `${bridgeKey(key)}={"name":"${key}"${flood ? ',"flood":true' : ""}}`);
        if (conditions.includes("Stored True Stored")) {
          for (const line of lines) {
            assert.ok(!expected.has(line.split("=")[0] ?? ""), `${line} is that of two`);
            expected.add(line);
          }
        } else assert.ok(conditions.includes("Accepted False Conflict"), `${name}: ${conditions.join()}`);
      }
      for (const line of expected) assert.ok(ours.includes(line), `${line} is missing in ${ours.join(" ")}`);
      const owned = await ownedKeys(world);
      const unowned = ours.filter((line) => !owned.has(line.split("=")[0] ?? ""));
      assert.deepEqual(unowned, [], "nothing is left behind");
      assert.deepEqual(
        new Set(await world.recorded()).difference(
          new Set([...story.declared.keys()].map((name) => `default/${name}`)),
        ),
        new Set(),
      );
    }),
    { numRuns: 60 },
  );
});

async function ownedKeys(world: World): Promise<Set<string>> {
  const { kvs } = await world.etcd.list({ key: "/cnf-crd/", end: "/cnf-crd0" });
  const owned = new Set<string>();
  for (const { value } of kvs) {
    const text = Buffer.from(value).toString();
    if (!text.startsWith("{")) continue;
    for (const key of (JSON.parse(text) as { keys: string[] }).keys) {
      assert.ok(!owned.has(key), `${key} is on two records`);
      owned.add(key);
    }
  }
  return owned;
}
