import { posix } from "node:path";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import type { Model } from "./model.ts";

/**
 * The key of a value, without the agent's prefix `/vnf-agent/<label>/`. Slashes in names are cleaned up as Go's
 * path.Join does it, because agents compare keys as text.
 *
 * Throws INVALID_CONFIG when the fields that make the name are empty or lead out of the model's part of the key space.
 */
export function keyOf<Desc extends DescMessage>(model: Model<Desc>, message: MessageShape<Desc>): string {
  if (!model.naming) return model.keyPrefix;
  const name = model.naming.of(message);
  const key = keyOfName(model, name);
  if (key !== undefined) return key;
  const fields = model.naming.fields.map((field) => `"${field}"`).join(" and ");
  throw new CodedError(
    "INVALID_CONFIG",
    name.replaceAll("/", "") === ""
      ? `${model.spec.module} ${model.spec.type}: no ${fields}; give every ${model.spec.type} its own`
      : `${model.spec.module} ${model.spec.type}: ${JSON.stringify(name.slice(0, 80))}, made from ${fields}, cannot be part of a key; ` +
          `do not use "." or ".." between slashes`,
    { details: { model: model.name, fields: model.naming.fields, value: name } },
  );
}

/** The key of the value with this name; `undefined` when the name makes no key of the model. */
export function keyOfName(model: Model, name: string): string | undefined {
  if (!model.naming) return name === "" ? model.keyPrefix : undefined;
  const key = posix.join(model.keyPrefix, name).replace(/\/$/, "");
  return key.startsWith(model.keyPrefix) ? key : undefined;
}
