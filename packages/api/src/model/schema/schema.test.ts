import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { parse, parseAllDocuments } from "yaml";
import { checkMessage, isObject } from "../check.ts";
import { linuxInterfaceModel, linuxRouteModel, nsmClientModel } from "../known.ts";
import type { Model } from "../model.ts";
import { parseValue } from "../value.ts";
import { allModels } from "../vpp/index.ts";
import { configurationSchema, type Dialect, modelSchema } from "./index.ts";
import { describeProtos } from "./testing/describe.ts";

const compile = (schema: object, dialect: Dialect = "draft-07"): ValidateFunction =>
  (dialect === "2020-12" ? new Ajv2020({ strictTypes: false }) : new Ajv({ strictTypes: false })).compile(schema);

const compiled = new Map<Model, ValidateFunction>();
function accepts(model: Model, value: unknown): boolean {
  const validate = compiled.get(model) ?? compile(modelSchema(model));
  compiled.set(model, validate);
  return validate(value) as boolean;
}

interface Sample {
  readonly model: Model;
  readonly value: Record<string, unknown>;
  readonly where: string;
}

/** Every value of the manifests that nsmctl renders in its tests. */
function corpus(): Sample[] {
  const directory = join(import.meta.dirname, "../../../../../cmd/nsmctl/src/cnf/testdata");
  return readdirSync(directory)
    .filter((name) => name.endsWith(".yaml"))
    .flatMap((name) =>
      parseAllDocuments(readFileSync(join(directory, name), "utf8")).flatMap((document) => {
        const root = document.toJS();
        const configurations = root?.kind === "List" ? root.items : [root];
        const items: { module: string; type: string; data: string }[] = configurations.flatMap(
          (one: { spec?: { configItems?: unknown[] } }) => one.spec?.configItems ?? [],
        );
        return items.flatMap(({ module, type, data }, i) => {
          const model = allModels.modelOf(module, type);
          return model
            ? [{ model, value: (parse(data) ?? {}) as Record<string, unknown>, where: `${name} item ${i}` }]
            : [];
        });
      }),
    );
}

const samples = corpus();

test("the corpus has values of every model", () => {
  const seen = new Set(samples.map(({ model }) => model.name));
  const missing = allModels.models.filter(({ name, spec }) => spec.class === "config" && !seen.has(name));
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

test("every value of the corpus is valid", () => {
  for (const { model, value, where } of samples) {
    parseValue(model, value);
    assert.ok(accepts(model, value), `${where}: ${JSON.stringify(compiled.get(model)?.errors?.slice(0, 3))}`);
  }
});

test("both dialects compile strictly, for every model and every way to name fields", () => {
  for (const dialect of ["draft-07", "2020-12"] as const)
    for (const fieldNames of ["both", "proto", "json"] as const)
      for (const model of allModels.models) compile(modelSchema(model, { dialect, fieldNames }), dialect);
});

/** The same value in other spellings: names, enums by number, whole numbers as text, null for absent. */
function respelled(schema: DescMessage, value: Record<string, unknown>, pick: () => boolean): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, content] of Object.entries(value)) {
    const field = fieldOf(schema, key);
    if (!field) continue;
    const one = (part: unknown): unknown => {
      if (field.message && isObject(part)) return respelled(field.message, part, pick);
      if (field.enum && typeof part === "string" && pick())
        return field.enum.values.find(({ name }) => name === part)?.number;
      return typeof part === "number" && Number.isInteger(part) && field.scalar !== undefined && pick()
        ? String(part)
        : part;
    };
    out[pick() ? field.name : field.jsonName] = Array.isArray(content) ? content.map(one) : one(content);
  }
  const absent = schema.fields.find((field) => !(field.name in out) && !(field.jsonName in out) && !field.oneof);
  if (absent && pick()) out[absent.name] = null;
  return out;
}

const fieldOf = (schema: DescMessage, key: string): DescField | undefined =>
  schema.fields.find(({ name, jsonName }) => name === key || jsonName === key);

test("however a valid value is spelled, it stays valid", () => {
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.infiniteStream(fc.boolean()), ({ model, value }, coins) => {
      const other = respelled(model.schema, value, () => coins.next().value);
      assert.deepEqual(checkMessage(model.schema, other), []);
      assert.ok(
        accepts(model, other),
        `${model.name} ${JSON.stringify(other)} ${JSON.stringify(compiled.get(model)?.errors?.slice(0, 2))}`,
      );
    }),
    { numRuns: 500 },
  );
});

interface Place {
  readonly schema: DescMessage;
  readonly object: Record<string, unknown>;
}

/** Every object in a value with its message. */
function places(schema: DescMessage, object: Record<string, unknown>): Place[] {
  const inner = Object.entries(object).flatMap(([key, content]) => {
    const message = fieldOf(schema, key)?.message;
    if (!message || message.typeName.startsWith("google.")) return [];
    return (Array.isArray(content) ? content : [content]).filter(isObject).flatMap((part) => places(message, part));
  });
  return [{ schema, object }, ...inner];
}

/** Ways to break an object, each of which may find nothing to break. */
const breakages: Record<string, (place: Place) => void> = {
  "an unknown field": ({ object }) => {
    object.no_such_field = 1;
  },
  "a field given twice": ({ schema, object }) => {
    const field = schema.fields.find(
      ({ name, jsonName }) => name !== jsonName && (name in object || jsonName in object),
    );
    if (!field) return;
    const content = object[field.name] ?? object[field.jsonName];
    object[field.name] = content;
    object[field.jsonName] = content;
  },
  "two fields of which only one may be": ({ schema, object }) => {
    const group = schema.oneofs.find(({ fields }) => fields.length > 1);
    for (const field of group?.fields.slice(0, 2) ?? []) object[field.name] = field.message ? {} : "";
    for (const field of group?.fields.slice(2) ?? []) delete object[field.name];
  },
  "another type": ({ schema, object }) => {
    for (const field of schema.fields)
      if (field.name in object) object[field.name] = field.fieldKind === "list" ? "x" : [[]];
  },
  "text for a number, a number for text": ({ schema, object }) => {
    for (const field of schema.fields)
      if (field.name in object && field.fieldKind === "scalar")
        object[field.name] = typeof object[field.name] === "string" ? 7 : "seven";
  },
  "an enum value that is none": ({ schema, object }) => {
    for (const field of schema.fields) if (field.fieldKind === "enum") object[field.name] = "NO_SUCH_VALUE";
  },
  "a negative number": ({ schema, object }) => {
    for (const field of schema.fields)
      if (field.fieldKind === "scalar" && (field.scalar === 13 || field.scalar === 4)) object[field.name] = -1;
  },
  "a fraction": ({ schema, object }) => {
    for (const field of schema.fields)
      if (field.fieldKind === "scalar" && field.scalar === 13) object[field.name] = 1.5;
  },
};

for (const [name, damage] of Object.entries(breakages)) {
  test(`with ${name} no value is valid`, () => {
    let broken = 0;
    for (const { model, value } of samples) {
      for (const [i] of places(model.schema, value).entries()) {
        const copy = structuredClone(value);
        const place = places(model.schema, copy)[i];
        if (place) damage(place);
        if (checkMessage(model.schema, copy).length === 0) continue;
        broken++;
        assert.ok(!accepts(model, copy), `${model.name} ${JSON.stringify(copy)}`);
      }
    }
    assert.ok(broken > 0);
  });
}

test("a value without what its key is made from is not valid", () => {
  for (const [model, value] of [
    [linuxInterfaceModel, { type: "DUMMY" }],
    [linuxInterfaceModel, { name: "", type: "DUMMY" }],
    [nsmClientModel, { network_service: "x" }],
    [linuxRouteModel, { dst_network: "10.0.0.0/8" }],
    [linuxRouteModel, { outgoing_interface: "a", dstNetwork: "" }],
  ] as const)
    assert.ok(!accepts(model, value));
});

test("addresses have the form that the field's annotation says, or refer to an allocation", () => {
  assert.ok(accepts(linuxRouteModel, { dst_network: "10.0.0.0/8", outgoing_interface: "a", gw_addr: "" }));
  const route = (dst_network: string) => accepts(linuxRouteModel, { dst_network, outgoing_interface: "a" });
  assert.deepEqual(["10.0.0.0/8", "fd00::/8", "alloc:net", "10.0.0.0", "10.0.0.300/8", "10.0.0.0/33", "x"].map(route), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("a whole configuration takes every model under each of its names, and nothing else", () => {
  const place = ({ spec, schema, naming }: Model) => {
    const message = schema.typeName.slice(schema.typeName.lastIndexOf(".") + 1);
    return {
      group: `${spec.module.split(".")[0]}Config`,
      names: naming ? [`${message}_list`, `${spec.module}.${spec.type}`] : [`${spec.module}.${spec.type}`],
    };
  };
  const validate = compile(configurationSchema(allModels.models, { place }));
  for (const { model, value } of samples) {
    const { group, names } = place(model);
    for (const outer of [group, group.replace("Config", "_config")])
      for (const name of names)
        assert.ok(validate({ [outer]: { [name]: model.naming ? [value] : value } }), `${outer}.${name}`);
  }
  assert.ok(validate({ linuxConfig: null }));
  for (const wrong of [
    { linuxconfig: {} },
    { linuxConfig: { what: [] } },
    { linuxConfig: { Interface_list: {} } },
    [],
    { linuxConfig: { Interface_list: [{ nam: "x" }] } },
  ])
    assert.ok(!validate(wrong), JSON.stringify(wrong));
});

test("fields are described with the comments of proto/", async () => {
  const schema = JSON.stringify(modelSchema(linuxInterfaceModel));
  assert.ok(schema.includes('"description":"Logical name, by which other objects refer to this one."'));
  const written = readFileSync(join(import.meta.dirname, "descriptions.ts"), "utf8");
  assert.ok(written === (await describeProtos()), "stale; run node packages/api/src/model/schema/testing/describe.ts");
});
