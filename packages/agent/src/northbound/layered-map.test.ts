import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LayeredMap } from "./layered-map.ts";

test("whatever changes are made, it has what a plain map has, and earlier ones keep what they had", () => {
  const edit = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.option(fc.integer(), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(fc.array(edit, { maxLength: 60 }), { maxLength: 12 }), (steps) => {
      let layered = LayeredMap.empty<{ n: number }>();
      const plain = new Map<string, { n: number }>();
      const earlier: [LayeredMap<{ n: number }>, string][] = [];
      const text = (map: ReadonlyMap<string, unknown>): string => JSON.stringify([...map].sort());
      for (const step of steps) {
        const edits = new Map(step.map(([key, n]) => [String(key), n === undefined ? undefined : { n }]));
        layered = layered.with(edits);
        for (const [key, value] of edits) {
          if (value) plain.set(key, value);
          else plain.delete(key);
        }
        earlier.push([layered, text(plain)]);
      }
      for (const [map, expected] of earlier) assert.equal(text(map), expected);
      assert.equal(layered.size, plain.size);
      assert.deepEqual([...layered.keys()].sort(), [...plain.keys()].sort());
      assert.equal([...layered.values()].length, plain.size);
      let seen = 0;
      layered.forEach((value, key) => {
        assert.equal(plain.get(key), value);
        assert.ok(layered.has(key));
        seen++;
      });
      assert.equal(seen, plain.size);
      assert.equal(layered.get("none"), undefined);
    }),
  );
});
