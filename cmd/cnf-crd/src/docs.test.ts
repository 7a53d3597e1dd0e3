import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { isCnfConfiguration, readPairs, unknownModelsAnnotation } from "@nsmkit/agent/cnf-configuration";
import { allModels } from "@nsmkit/api/model/vpp";
import { parse } from "yaml";
import { CnfCrdMetrics } from "./metrics.ts";
import { takeOverAnnotation } from "./store/plan.ts";

const page = await readFile(new URL("../../../docs/cnf-configuration.md", import.meta.url), "utf8");
const read = (text: string) => {
  const value: unknown = parse(text);
  assert.ok(isCnfConfiguration(value));
  return readPairs(value, { models: allModels });
};

test("the example of the page is right", () => {
  const [, text = ""] = /```yaml\n(apiVersion[\s\S]*?)```/.exec(page) ?? [];
  const { pairs, problems } = read(text);
  assert.deepEqual(problems, []);
  assert.equal(pairs.length, 2);
});

test("the mistake that the page shows is told in these words", () => {
  const [, shown = ""] = /```\n(spec\.configItems.*)\n```/.exec(page) ?? [];
  const items = [
    { module: "vpp.nat", type: "nat44-global", data: "" },
    { module: "vpp.acls", type: "acl", data: "name: web\nrules:\n  - action: PERMITT\n" },
  ];
  const document = {
    apiVersion: "pantheon.tech/v1",
    kind: "CNFConfiguration",
    metadata: { name: "a" },
    spec: { microservice: "a", configItems: items },
  };
  const { problems } = read(JSON.stringify(document));
  assert.equal(problems.map(({ place, text }) => `${place}: ${text}`).join("\n"), shown);
});

test("the page names the annotations and every figure", async () => {
  for (const name of [unknownModelsAnnotation, takeOverAnnotation]) assert.ok(page.includes(name), name);
  const names = (await new CnfCrdMetrics().registry.getMetricsAsJSON()).map(({ name }) => name);
  const own = names.filter((name) => name.startsWith("cnf_crd_"));
  assert.ok(own.length >= 7);
  for (const name of own) assert.ok(page.includes(`\`${name}`), name);
});
