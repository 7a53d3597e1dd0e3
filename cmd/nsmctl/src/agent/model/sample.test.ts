import assert from "node:assert/strict";
import { test } from "node:test";
import { readYaml } from "@nsmkit/agent/documents";
import { parseValue } from "@nsmkit/api/model";
import { allModels } from "@nsmkit/api/model/vpp";
import { renderTexts } from "../../cnf/render.ts";
import { sampleManifest, sampleYaml } from "./sample.ts";

test("every model's sample is a value of the model, with every field but those that exclude each other", () => {
  for (const model of allModels.models) {
    const [document] = readYaml(sampleYaml(model), { name: model.name });
    assert.ok(parseValue(model, document?.value ?? {}), model.name);
    const written = Object.keys(document?.value ?? {});
    const rivals = new Set(
      model.schema.oneofs.filter((one) => one.fields.length > 1).flatMap((one) => one.fields.slice(1)),
    );
    assert.deepEqual(
      written,
      model.schema.fields.filter((field) => !rivals.has(field)).map(({ name }) => name),
      model.name,
    );
  }
});

test("enums tell their values, and what the key is made from is marked", () => {
  const model = allModels.modelOfName("linux.l3.route");
  assert.ok(model);
  assert.match(sampleYaml(model), /^scope: UNDEFINED # UNDEFINED \| GLOBAL \| SITE \| LINK \| HOST$/m);
  assert.match(sampleYaml(model), /^dst_network: "" # .*, part of the key\. .*host bits are cleared$/m);
});

test("a manifest with the names filled in is accepted by cnf render", () => {
  const model = allModels.modelOfName("linux.interfaces.interface");
  assert.ok(model);
  const text = sampleManifest(model, "nat").replace('name: ""', "name: lan");
  const { pairs } = renderTexts([{ name: "a.yaml", text }]);
  assert.deepEqual(
    pairs.map(({ key }) => key),
    ["/vnf-agent/nat/config/linux/interfaces/v2/interface/lan"],
  );
});
