import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { isCodedError } from "@nsmkit/core";
import { ItemSchema } from "../generic.ts";
import { modelDetail, packItem, unpackItem } from "./item.ts";
import { knownModels, linuxArpModel, linuxRouteModel } from "./known.ts";
import { parseValue } from "./value.ts";

const route = parseValue(linuxRouteModel, { dst_network: "10.1.0.0/8", outgoing_interface: "t" });

test("an item carries model, name and the type url of Ligato", () => {
  const item = packItem(linuxRouteModel, route);
  assert.equal(item.id?.model, "linux.l3.route");
  assert.equal(item.id?.name, "10.0.0.0/8/t");
  assert.equal(item.data?.union.value?.typeUrl, "models.ligato.io/ligato.linux.l3.Route");
});

test("a packed value unpacks to itself and its key", () => {
  assert.deepEqual(unpackItem(knownModels, packItem(linuxRouteModel, route)), {
    model: linuxRouteModel,
    key: "config/linux/l3/v2/route/10.0.0.0/8/t",
    message: route,
  });
});

test("the key comes from the data when the id says otherwise, and any type url prefix will do", () => {
  const item = packItem(linuxRouteModel, route);
  item.id = create(ItemSchema, { id: { model: "linux.l3.route", name: "other" } }).id;
  assert.ok(item.data?.union.value);
  item.data.union.value.typeUrl = "type.googleapis.com/ligato.linux.l3.Route";
  assert.equal(unpackItem(knownModels, item).key, "config/linux/l3/v2/route/10.0.0.0/8/t");
});

test("an item without data yields the key of its name", () => {
  const item = create(ItemSchema, { id: { model: "linux.l3.arp", name: "veth1/10.0.0.1" } });
  assert.deepEqual(unpackItem(knownModels, item), {
    model: linuxArpModel,
    key: "config/linux/l3/v2/arp/veth1/10.0.0.1",
  });
});

const any = (typeUrl: string, ...bytes: number[]) => ({
  union: { case: "any" as const, value: { typeUrl, value: Uint8Array.from(bytes) } },
});
const bad = {
  "without an id": { data: any("models.ligato.io/ligato.linux.l3.Route") },
  "of an unknown model": { id: { model: "vpp.l9", name: "x" } },
  "without data and name": { id: { model: "linux.l3.route" } },
  "with a name that leaves the model": { id: { model: "linux.l3.route", name: "../arp/x/y" } },
  "with data of another model": {
    id: { model: "linux.l3.route" },
    data: any("models.ligato.io/ligato.linux.l3.ARPEntry"),
  },
  "with data of no type": { id: { model: "linux.l3.route" }, data: any("") },
  "with broken bytes": {
    id: { model: "linux.l3.route" },
    data: any("models.ligato.io/ligato.linux.l3.Route", 0x0a, 0x7f),
  },
};
for (const [what, init] of Object.entries(bad)) {
  test(`an item ${what} is refused`, () => {
    assert.throws(
      () => unpackItem(knownModels, create(ItemSchema, init)),
      (error) => isCodedError(error, "INVALID_ARGUMENT"),
    );
  });
}

test("the meta service is told spec, message, template and file of a model", () => {
  const detail = modelDetail(linuxArpModel);
  assert.equal(detail.spec?.module, "linux.l3");
  assert.equal(detail.spec?.class, "config");
  assert.equal(detail.protoName, "ligato.linux.l3.ARPEntry");
  assert.deepEqual(
    detail.options.map(({ key, values }) => [key, ...values]),
    [
      ["nameTemplate", "{{.Interface}}/{{.IpAddress}}"],
      ["protoFile", "ligato/linux/l3/arp.proto"],
    ],
  );
});
