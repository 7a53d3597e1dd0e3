import assert from "node:assert/strict";
import { test } from "node:test";
import { allModels } from "@nsmkit/api/model/vpp";
import fc from "fast-check";
import { type Declared, isSameValue, readPairs } from "./pairs.ts";
import type { CnfConfiguration } from "./read.ts";
import { readUnknownModels } from "./unknown-models.ts";

const resource = (configItems: unknown, more: object = {}, annotations: object = {}): CnfConfiguration => ({
  apiVersion: "pantheon.tech/v1",
  kind: "CNFConfiguration",
  metadata: { namespace: "default", name: "nat", annotations, uid: "u", resourceVersion: "7" },
  spec: { microservice: "nat", configItems, ...more },
  status: { whatever: true },
});
const read = (configItems: unknown, more?: object, annotations?: object): Declared =>
  readPairs(resource(configItems, more, annotations), { models: allModels });
const told = (declared: Declared): string[] => declared.problems.map(({ place, text }) => `${place}: ${text}`);

test("an item becomes the pair of its agent, and what the server adds to a resource is no mistake", () => {
  const { pairs, problems } = read([
    { module: "vpp.nat", type: "nat44-pool", data: "first_ip: 10.0.0.1 # one\n" },
    { microservice: "b", module: "vpp.nat", type: "nat44-global", data: "" },
  ]);
  assert.deepEqual(problems, []);
  assert.deepEqual(pairs, [
    {
      ...{ index: 0, label: "nat", model: "vpp.nat.nat44-pool" },
      itemKey: "config/vpp/nat/v2/nat44-pool/vrf/0/address/10.0.0.1",
      key: "/vnf-agent/nat/config/vpp/nat/v2/nat44-pool/vrf/0/address/10.0.0.1",
      value: '{"first_ip":"10.0.0.1"}',
    },
    {
      ...{ index: 1, label: "b", model: "vpp.nat.nat44-global", itemKey: "config/vpp/nat/v2/nat44-global" },
      key: "/vnf-agent/b/config/vpp/nat/v2/nat44-global",
      value: "{}",
    },
  ]);
});

test("a problem names item, path, and line and column within its data", () => {
  const item = { module: "vpp.acls", type: "acl", data: "name: web\nrules:\n  - action: PERMITT\n" };
  const declared = read([{ module: "vpp.nat", type: "nat44-global", data: "" }, item]);
  assert.deepEqual(told(declared), [
    'spec.configItems[1].data:3:13: item 2: vpp.acls acl "web": field "rules[0].action" is "PERMITT", must be one of DENY, PERMIT, REFLECT; did you mean PERMIT?',
  ]);
  assert.equal(declared.problems[0]?.index, 1);
  assert.deepEqual(declared.pairs, [], "nothing of a resource with a mistake is taken");
});

test("two items with one key are a mistake of the second", () => {
  const item = { module: "vpp.nat", type: "nat44-interface", data: "name: a" };
  assert.deepEqual(told(read([item, { ...item, data: "{name: a, nat_inside: true}" }])), [
    "spec.configItems[1]: item 2: the key /vnf-agent/nat/config/vpp/nat/v2/nat44-interface/a is that of item 1 too; keep one of the two items",
  ]);
});

test("an item for nobody is a mistake, also of a resource that has no name yet", () => {
  const { metadata: _metadata, ...rest } = resource([{ module: "vpp.nat", type: "nat44-global", data: "" }], {
    microservice: "",
  });
  const declared = readPairs({ ...rest, metadata: { generateName: "nat-" } }, { models: allModels });
  assert.deepEqual(told(declared), [
    "spec.configItems[0]: item 1: has no microservice and neither has spec; name the agent (its MICROSERVICE_LABEL) that it is for",
  ]);
});

const foreign = { module: "vpp.abx", type: "abx", data: 'b: "<x>"\na: [1, {d: 1, c: 2}]\nname: one\n' };

test("a model that nobody knows is a mistake that says how to have it", () => {
  assert.match(
    told(read([foreign])).join(),
    /^spec\.configItems\[0\]\.module: item 1: the model vpp\.abx abx is unknown; .*annotate the resource with pantheon\.tech\/unknown-models: vpp\.abx\/abx$/,
  );
});

test("a model that the annotation or the program names is taken over unread, as the first controller did", () => {
  const wanted = {
    ...{ index: 0, label: "nat", model: "vpp.abx.abx", itemKey: "config/vpp/abx/v1/abx/one" },
    key: "/vnf-agent/nat/config/vpp/abx/v1/abx/one",
    value: '{"a":[1,{"c":2,"d":1}],"b":"\\u003cx\\u003e","name":"one"}',
  };
  const annotation = { "pantheon.tech/unknown-models": "x/y, vpp.abx/*" };
  assert.deepEqual(read([foreign], {}, annotation), { pairs: [wanted], problems: [] });
  const options = { models: allModels, unknownModels: readUnknownModels("*") };
  assert.deepEqual(readPairs(resource([foreign]), options).pairs, [wanted]);
  const keyOf = (item: object): string | undefined =>
    readPairs(resource([{ ...foreign, ...item }]), options).pairs[0]?.itemKey;
  assert.equal(keyOf({ name: "two", version: "v3" }), "config/vpp/abx/v3/abx/two");
  assert.equal(keyOf({ data: "x: 1" }), "config/vpp/abx/v1/abx");
  assert.equal(
    keyOf({ module: "linux.interfaces", type: "interface", version: "v9" }),
    "config/linux/interfaces/v9/interface/one",
  );
});

test("a misspelt known model stays a mistake beside one that is allowed", () => {
  const annotation = { "pantheon.tech/unknown-models": "vpp.abx/abx" };
  const declared = read([foreign, { module: "vpp.nat", type: "nat44-pol", data: "" }], {}, annotation);
  assert.match(told(declared).join(), /^spec\.configItems\[1\]\.module: .*; did you mean nat44-pool\? /);
});

test("an annotation that names no model, and a model that cannot be part of a key, are mistakes", () => {
  assert.deepEqual(told(read([], {}, { "pantheon.tech/unknown-models": "abx" })), [
    'metadata.annotations[pantheon.tech/unknown-models]: "abx" names no model; write module/type, module/* or *, for example vpp.abx/abx',
  ]);
  for (const item of [{ type: "a/b" }, { module: "" }, { module: "a..b" }, { version: "V 1" }]) {
    const declared = read([{ ...foreign, ...item }], {}, { "pantheon.tech/unknown-models": "*" });
    assert.equal(declared.problems.length, 1, JSON.stringify(item));
  }
});

test("texts of one meaning are the same value, whatever they look like", () => {
  const same = (key: string, a: string, b: string): boolean => isSameValue(allModels, key, a, b);
  const key = "config/vpp/nat/v2/nat44-interface/a";
  assert.ok(same(key, '{"name":"a","nat_inside":true}', '{ "natInside": true, "name": "a", "nat_outside": false }'));
  assert.ok(!same(key, '{"name":"a","nat_inside":true}', '{"name":"a"}'));
  for (const text of ["", "{", '{"bogus":1}', "[]"]) assert.ok(!same(key, '{"name":"a"}', text), text);
  assert.ok(same("config/vpp/abx/v1/abx/one", '{"a":1,"b":2}', '{"b":2,"a":1}'));
});

test("whatever an API server could hold is read to pairs or to problems with a place, never both", () => {
  const word = fc.constantFrom(
    "",
    "vpp.nat",
    "nat44-pool",
    "nat44-interface",
    "a",
    "a/b",
    "name: x",
    "{",
    "\n- x",
    "v2",
  );
  const item = fc.oneof(
    fc.jsonValue(),
    fc.record(
      { microservice: word, module: word, type: word, version: word, name: word, data: word },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.array(item)), fc.jsonValue(), (items, metadata) => {
      const { pairs, problems } = readPairs({ ...resource(items), metadata }, { models: allModels });
      assert.ok(pairs.length === 0 || problems.length === 0);
      for (const { place, text } of problems)
        assert.ok(/^(spec|metadata)/.test(place) && text !== "", `${place}: ${text}`);
    }),
  );
});
