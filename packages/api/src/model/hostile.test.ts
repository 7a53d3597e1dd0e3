// Whatever comes in, the answer is a message or an error of ours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, equals } from "@bufbuild/protobuf";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { ItemSchema } from "../generic.ts";
import { ConnectionSchema } from "../networkservice.ts";
import { unpackItem } from "./item.ts";
import { keyOf } from "./key.ts";
import { knownModels } from "./known.ts";
import { defineModel, type Model } from "./model.ts";
import { formatValue, parseValue } from "./value.ts";

const models: readonly Model[] = [...knownModels.models, defineModel({ module: "t", type: "c" }, ConnectionSchema)];
const odd = fc.oneof(
  fc.jsonValue(),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
);

/** Values that mostly have the right shape and are wrong in places. */
function nearly(schema: DescMessage, depth: number): fc.Arbitrary<unknown> {
  const fields = schema.fields.map((field) => {
    const right: fc.Arbitrary<unknown> =
      field.message && depth > 0
        ? nearly(field.message, depth - 1)
        : field.enum
          ? fc.constantFrom<unknown>(...field.enum.values.flatMap(({ name, number }) => [name, number]))
          : fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant("10.0.0.1/24"));
    const whole =
      field.fieldKind === "list"
        ? fc.array(right, { maxLength: 3 })
        : field.fieldKind === "map"
          ? fc.dictionary(fc.string(), right, { maxKeys: 3 })
          : right;
    return fc
      .oneof({ weight: 9, arbitrary: whole }, { weight: 1, arbitrary: odd })
      .chain((value) => fc.constantFrom(field.name, field.jsonName).map((key) => [key, value] as const));
  });
  return fc
    .subarray(fields)
    .chain((chosen) => fc.tuple(...chosen))
    .map((entries) => Object.fromEntries(entries));
}

function survives(model: Model, value: unknown): void {
  try {
    const message = parseValue(model, value);
    assert.ok(equals(model.schema, parseValue(model, formatValue(model, message)), message));
    keyOf(model, message);
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
  }
}

for (const model of models) {
  test(`${model.name} survives values of any kind`, () => {
    fc.assert(fc.property(odd, (value) => survives(model, value)));
  });

  test(`${model.name} survives values that are nearly right`, () => {
    fc.assert(fc.property(nearly(model.schema, 2), (value) => survives(model, value)));
  });
}

test("nearly right values are often right, so that round trips are really tried", () => {
  let right = 0;
  for (const value of fc.sample(nearly(knownModels.models[2]?.schema ?? ConnectionSchema, 2), {
    seed: 1,
    numRuns: 200,
  })) {
    try {
      parseValue(knownModels.models[2] as Model, value);
      right++;
    } catch {
      // What is refused is not counted; how it is refused is the subject of the tests above.
    }
  }
  assert.ok(right >= 10, `${right} of 200`);
});

test("a value nested ten thousand deep is refused in words", () => {
  let deep: unknown = {};
  for (let i = 0; i < 10_000; i++) deep = { veth: deep, path: [deep] };
  for (const model of models) survives(model, deep);
});

test("items of any content survive unpacking", () => {
  const arbitrary = fc.record({
    model: fc.oneof(fc.string(), fc.constantFrom(...knownModels.models.map(({ name }) => name))),
    name: fc.string(),
    typeUrl: fc.oneof(fc.string(), fc.constantFrom(...knownModels.models.map(({ schema }) => `x/${schema.typeName}`))),
    value: fc.uint8Array({ maxLength: 64 }),
  });
  fc.assert(
    fc.property(arbitrary, fc.boolean(), ({ model, name, typeUrl, value }, withData) => {
      const data = withData ? { union: { case: "any" as const, value: { typeUrl, value } } } : undefined;
      try {
        unpackItem(knownModels, create(ItemSchema, { id: { model, name }, ...(data && { data }) }));
      } catch (error) {
        if (!isCodedError(error, "INVALID_ARGUMENT") && !isCodedError(error, "INVALID_CONFIG")) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
