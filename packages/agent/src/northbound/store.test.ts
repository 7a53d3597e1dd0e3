import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { InterfaceSchema } from "@nsmkit/api/linux";
import { keyOf, linuxInterfaceModel } from "@nsmkit/api/model";
import fc from "fast-check";
import type { Item } from "./item.ts";
import { type Change, Store } from "./store.ts";

function link(name: string, mtu = 0): Item {
  const value = create(InterfaceSchema, { name, mtu });
  return { key: keyOf(linuxInterfaceModel, value), model: linuxInterfaceModel, value, place: `${name}@${mtu}` };
}

const key = (name: string): string => link(name).key;
const places = (store: Store): string[] => [...store.merged.values()].map((item) => item.place).sort();

test("replacing the items of one source leaves those of the others", () => {
  const store = new Store()
    .with([
      { source: "a", put: [link("one"), link("two")] },
      { source: "b", put: [link("three")] },
    ])
    .with([{ source: "a", put: [link("four")], replace: true }]);
  assert.deepEqual(places(store), ["four@0", "three@0"]);
});

test("the source whose name sorts last wins a key, whatever the order of the changes", () => {
  const low = { source: "grpc", put: [link("tap0", 1400)] };
  const high = { source: "localclient", put: [link("tap0", 1500)] };
  assert.deepEqual(places(new Store().with([low]).with([high])), ["tap0@1500"]);
  assert.deepEqual(places(new Store().with([high]).with([low])), ["tap0@1500"]);
});

test("a withdrawn item gives way to the one it covered", () => {
  const before = new Store().with([
    { source: "grpc", put: [link("tap0", 1400)] },
    { source: "localclient", put: [link("tap0", 1500)] },
  ]);
  const change = { source: "localclient", delete: [key("tap0")] };
  const after = before.with([change]);
  const effect = after.effectSince(before, [change]);
  assert.deepEqual(
    effect.set.map((item) => item.place),
    ["tap0@1400"],
  );
  assert.deepEqual(effect.deleted, []);
});

test("an item put again counts as set although nothing changed", () => {
  const item = link("tap0");
  const change = { source: "grpc", put: [item] };
  const before = new Store().with([change]);
  assert.deepEqual(before.with([change]).effectSince(before, [change]).set, [item]);
});

test("a change leaves the store it starts from as it was", () => {
  const before = new Store().with([{ source: "a", put: [link("one")] }]);
  before.with([{ source: "a", delete: [key("one")] }]);
  assert.deepEqual(places(before), ["one@0"]);
});

test("after any changes the merge is that of all sources, and the effect is how it differs", () => {
  const item = fc.integer({ min: 0, max: 6 }).map((n) => link(`l${n}`));
  const change = fc.record<Change>(
    {
      source: fc.constantFrom("a", "b", "c"),
      put: fc.uniqueArray(item, { selector: ({ key }) => key, maxLength: 4 }),
      delete: fc.array(
        item.map(({ key }) => key),
        { maxLength: 3 },
      ),
      replace: fc.boolean(),
    },
    { requiredKeys: ["source"] },
  );
  fc.assert(
    fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 10 }), (steps) => {
      let store = new Store();
      for (const changes of steps) {
        const before = store;
        store = before.with(changes);
        const merged = new Map(store.sources.flatMap((source) => [...store.itemsOf(source)]));
        assert.deepEqual(new Set(store.merged.keys()), new Set(merged.keys()));
        for (const [key, winner] of merged) assert.equal(store.merged.get(key), winner);
        const { set, deleted } = store.effectSince(before, changes);
        const put = new Set(changes.flatMap(({ put = [] }) => put.map(({ key }) => key)));
        const differs = [...merged.values()].filter(
          ({ key }) => put.has(key) || before.merged.get(key) !== merged.get(key),
        );
        assert.deepEqual(new Set(set), new Set(differs));
        assert.deepEqual(new Set(deleted), new Set([...before.merged.keys()].filter((key) => !merged.has(key))));
      }
    }),
  );
});
