import assert from "node:assert/strict";
import { test } from "node:test";
import { fields2020, fields2023 } from "./fields.ts";
import { nsmDefinition } from "./nsm-crd.ts";

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly subresources: object;
      readonly additionalPrinterColumns: readonly { readonly name: string; readonly jsonPath: string }[];
      readonly schema: { readonly openAPIV3Schema: { readonly properties: Readonly<Record<string, Properties>> } };
    }[];
  };
}
interface Properties {
  readonly properties: Readonly<Record<string, unknown>>;
}

const [version, ...others] = (nsmDefinition() as unknown as Definition).spec.versions;
const schema = version?.schema.openAPIV3Schema.properties ?? {};

test("one version serves both generations, with a status of its own", () => {
  assert.deepEqual(others, []);
  assert.equal(version?.name, "v1alpha1");
  assert.deepEqual(version.subresources, { status: {} });
});

test("the schema has every field of both forms and no other", () => {
  const fields = new Set([...Object.keys(fields2020), ...Object.keys(fields2023)]);
  assert.deepEqual(Object.keys(schema.spec?.properties ?? {}).sort(), [...fields].sort());
});

test("kubectl get shows what there is to know, each from a field of the status", () => {
  const columns = version?.additionalPrinterColumns ?? [];
  assert.deepEqual(
    columns.map(({ name }) => name),
    ["Version", "Phase", "Registry", "Managers", "Forwarders", "Platform", "Ready", "Age"],
  );
  const known = Object.keys(schema.status?.properties ?? {});
  for (const { jsonPath } of columns) {
    const [, field] = /^\.status\.(\w+)/.exec(jsonPath) ?? [];
    if (field !== undefined) assert.ok(known.includes(field), jsonPath);
  }
});
