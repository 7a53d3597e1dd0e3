import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  keyOf,
  knownModels,
  linuxArpModel,
  linuxInterfaceModel,
  linuxRouteModel,
  linuxRuleChainModel,
  type Model,
  netallocIpModel,
  nsmClientModel,
  nsmEndpointModel,
  parseValue,
} from "@nsmkit/api/model";
import { FakeNetlink } from "@nsmkit/netlink/testing";
import { parse } from "yaml";
import { createAgent } from "./agent.ts";
import { readDeclaration } from "./northbound/files/document.ts";
import { createNsmPlugin } from "./plugins/nsm/index.ts";
import { FakeIptables } from "./testing/iptables.ts";
import { FakeMesh } from "./testing/mesh.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/agent.md"), "utf8");
const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = ""]) => block);

test("docs/agent.md shows values that an agent accepts", async () => {
  await using netlink = new FakeNetlink();
  await using agent = createAgent({
    label: "nat",
    netlink,
    iptables: new FakeIptables(),
    plugins: [(core) => createNsmPlugin(core, { mesh: new FakeMesh(), name: "nat" })],
  });
  const [resource = "", config = "", keyValues = "", ...values] = blocks;
  const shown = [resource, keyValues, config.replaceAll("[...]", "[]")];
  for (const text of shown) readDeclaration(text, { name: "docs/agent.md", models: knownModels, label: "nat" });
  const models: Model[] = [
    nsmClientModel,
    nsmEndpointModel,
    linuxInterfaceModel,
    linuxRouteModel,
    linuxArpModel,
    linuxRuleChainModel,
    netallocIpModel,
  ];
  assert.equal(values.length, models.length);
  for (const [i, model] of models.entries()) {
    const value = parseValue(model, parse(values[i] ?? ""));
    agent.northbound.check([{ source: "docs", put: [{ key: keyOf(model, value), model, value, place: "" }] }]);
  }
});

test("docs/agent.md names every model and every type of interface", () => {
  for (const { spec } of knownModels.models) assert.ok(page.includes(`${spec.module} ${spec.type}`), spec.type);
});
