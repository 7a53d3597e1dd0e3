import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnyOf, AnyOfIndex } from "./any-of.ts";
import { Dep, DepSet } from "./dependency.ts";
import { Node } from "./node.ts";

function depOn(index: AnyOfIndex, prefixes: readonly string[], available: Iterable<Node> = []): Dep {
  const anyOf = new AnyOf(undefined);
  index.anchor(anyOf, prefixes, available);
  return new Dep(new DepSet(new Node("owner"), []), "any", undefined, anyOf);
}

const key = fc
  .array(fc.constantFrom("a", "ab", "b", ""), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"));

test("a key is found below exactly the prefixes it begins with, wherever a prefix ends", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(key),
      fc.array(key, { minLength: 1, maxLength: 3 }),
      fc.array(key),
      (keys, prefixes, gone) => {
        const index = new AnyOfIndex();
        const nodes = new Map(keys.map((k) => [k, new Node(k)]));
        const dep = depOn(index, prefixes, nodes.values());
        for (const k of gone) {
          const node = nodes.get(k);
          if (node) index.remove(node);
          nodes.delete(k);
        }
        const matches = [...nodes.keys()].filter((k) => prefixes.some((prefix) => k.startsWith(prefix)));
        const found = index.find(dep);
        if (matches.length === 0) assert.equal(found, undefined);
        else assert.ok(found && matches.includes(found.key));
      },
    ),
  );
});

test("an unmet dependency hears of a key that satisfies it, and of no other", () => {
  const index = new AnyOfIndex();
  const dep = depOn(index, ["if/eth0/addr/", "if/wl"]);
  index.watch(dep);
  assert.deepEqual(index.add(new Node("if/eth1/addr/1")), []);
  assert.deepEqual(index.add(new Node("if/eth0/addr/1")), [dep]);
  assert.deepEqual(index.add(new Node("if/wlan0")), [dep]);
  index.unwatch(dep);
  assert.deepEqual(index.add(new Node("if/eth0/addr/2")), []);
});

test("a value satisfies neither its own dependency nor, through what derives from it, that of its base", () => {
  const index = new AnyOfIndex();
  const dep = depOn(index, ["x/"]);
  const owner = dep.set.owner as Node;
  const child = new Node("x/child");
  child.base = owner;
  index.add(child);
  assert.equal(index.find(dep), undefined);
});
