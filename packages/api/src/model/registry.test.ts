import assert from "node:assert/strict";
import { test } from "node:test";
import { EmptySchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { isCodedError } from "@nsmkit/core";
import { knownModels, linuxRouteModel, nsmClientModel } from "./known.ts";
import { defineModel } from "./model.ts";
import { createModelRegistry } from "./registry.ts";

const byName = { template: "{{.Name}}", fields: ["name"], of: () => "x" };

test("a model is found by module and type, and by version only when it is the model's", () => {
  assert.equal(knownModels.modelOf("cnf.nsm", "client"), nsmClientModel);
  assert.equal(knownModels.modelOf("cnf.nsm", "client", "v1"), nsmClientModel);
  assert.equal(knownModels.modelOf("cnf.nsm", "client", "v2"), undefined);
  assert.equal(knownModels.modelOf("cnf", "nsm.client"), undefined);
  assert.equal(knownModels.modelOf("cnf.nsm", "server"), undefined);
});

test("a model is found by its name in item ids and by its message", () => {
  assert.equal(knownModels.modelOfName("linux.l3.route"), linuxRouteModel);
  assert.equal(knownModels.modelOfName("linux.l3"), undefined);
  assert.equal(knownModels.modelOfMessage("upnp.NetworkServiceClient"), nsmClientModel);
  assert.equal(knownModels.modelOfMessage("upnp.ConnectionLabel"), undefined);
});

test("a key tells the model and the name", () => {
  assert.deepEqual(knownModels.modelOfKey("config/linux/l3/v2/route/10.0.0.0/8/tap0"), {
    model: linuxRouteModel,
    name: "10.0.0.0/8/tap0",
  });
});

for (const key of [
  "",
  "/",
  "config",
  "config/linux/l3/v2/route",
  "config/linux/l3/v2/route/",
  "config/linux/l3/v1/route/x",
  "/config/linux/l3/v2/route/x",
  "linux/interface/state/tap0/UP",
  "/vnf-agent/a/config/linux/l3/v2/route/x",
]) {
  test(`${JSON.stringify(key)} is no model's key`, () => assert.equal(knownModels.modelOfKey(key), undefined));
}

test("the longest prefix decides when the type of one model begins the type of another", () => {
  const outer = defineModel({ module: "m", version: "v1", type: "a" }, EmptySchema, byName);
  const inner = defineModel({ module: "m", version: "v1", type: "a.b" }, TimestampSchema, byName);
  const registry = createModelRegistry([outer, inner]);
  assert.deepEqual(registry.modelOfKey("config/m/v1/a/b/c"), { model: inner, name: "c" });
  assert.deepEqual(registry.modelOfKey("config/m/v1/a/c"), { model: outer, name: "c" });
  assert.deepEqual(registry.modelOfKey("config/m/v1/a/b"), { model: outer, name: "b" });
});

test("a singleton has exactly one key", () => {
  const stats = defineModel({ module: "govppmux", type: "stats", class: "metrics" }, EmptySchema);
  const registry = createModelRegistry([stats]);
  assert.deepEqual(registry.modelOfKey("metrics/govppmux/v0/stats"), { model: stats, name: "" });
  assert.equal(registry.modelOfKey("metrics/govppmux/v0/stats/"), undefined);
  assert.equal(registry.modelOfKey("metrics/govppmux/v0/stats/x"), undefined);
});

test("a registry refuses two models of one name or one message", () => {
  const one = defineModel({ module: "m", version: "v1", type: "a" }, EmptySchema, byName);
  const sameName = defineModel({ module: "m", version: "v2", type: "a" }, TimestampSchema, byName);
  const sameMessage = defineModel({ module: "m", version: "v1", type: "b" }, EmptySchema, byName);
  for (const other of [sameName, sameMessage]) {
    assert.throws(
      () => createModelRegistry([one, other]),
      (error) => isCodedError(error, "ALREADY_EXISTS"),
    );
  }
});

test("class and version have the defaults config and v0", () => {
  assert.equal(defineModel({ module: "m", type: "t" }, EmptySchema, byName).keyPrefix, "config/m/v0/t/");
});

for (const [part, value] of [
  ["module", ""],
  ["module", "A"],
  ["module", "a.b.c"],
  ["module", "a/b"],
  ["version", "2"],
  ["version", "v"],
  ["version", "v1.0"],
  ["type", "a b"],
  ["type", "a\n"],
  ["class", "a.b"],
] as const) {
  test(`${JSON.stringify(value)} is refused as ${part} of a model`, () => {
    assert.throws(
      () => defineModel({ module: "m", type: "t", [part]: value }, EmptySchema),
      (error) => isCodedError(error, "INVALID_ARGUMENT") && error.message.includes(part),
    );
  });
}

for (const [module, type] of [
  ["vpp.l2", "bridge-domain"],
  ["linux_x", "a.b"],
  ["m-1", "0"],
] as const) {
  test(`${module} and ${type} are allowed in a model`, () => {
    const path = `${module}/v1-beta/${type}`.replaceAll("v1-beta", "\0").replaceAll(".", "/").replace("\0", "v1-beta");
    assert.equal(defineModel({ module, type, version: "v1-beta" }, EmptySchema).keyPrefix, `config/${path}`);
  });
}

test("every published template names the fields that the key is made from", () => {
  for (const model of knownModels.models) {
    const used = [...(model.naming?.template ?? "").matchAll(/\.([A-Z][A-Za-z]*)/g)].map(([, go]) => go);
    const fields = model.naming?.fields.map((field) => {
      assert.ok(model.schema.fields.some(({ name }) => name === field));
      return field.replaceAll(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
    });
    // .IP and .MaskSize belong to what ipnet yields.
    assert.deepEqual(new Set(used.filter((go) => go !== "IP" && go !== "MaskSize")), new Set(fields));
  }
});
