// Values as items of the generic manager (ligato/vpp-agent pkg/models/item.go).
import { create, type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import { type Item, ItemSchema, type ModelDetail, ModelDetailSchema } from "../generic.ts";
import { keyOf, keyOfName } from "./key.ts";
import type { Model } from "./model.ts";
import type { ModelRegistry } from "./registry.ts";

const typeUrlPrefix = "models.ligato.io/";

export interface UnpackedItem {
  readonly model: Model;
  readonly key: string;
  /** Absent in an item without data, which stands for deletion. */
  readonly message?: Message;
}

export function packItem<Desc extends DescMessage>(model: Model<Desc>, message: MessageShape<Desc>): Item {
  return create(ItemSchema, {
    id: { model: model.name, name: model.naming?.of(message) ?? "" },
    data: {
      union: {
        case: "any",
        value: { typeUrl: `${typeUrlPrefix}${model.schema.typeName}`, value: toBinary(model.schema, message) },
      },
    },
  });
}

/**
 * The key of an item with data comes from the data, as the Go agent does it; the name in the id counts only without.
 *
 * Throws INVALID_ARGUMENT for an unknown model, data of another model, or bytes that are no such message, and
 * INVALID_CONFIG as `keyOf` does.
 */
export function unpackItem(registry: ModelRegistry, item: Item): UnpackedItem {
  const id = item.id?.model ?? "";
  const model = registry.modelOfName(id);
  if (!model) {
    const known = registry.models.map(({ name }) => name).join(", ");
    const hint = /^vpp[.]/.test(id) ? "; models of VPP need an agent with VPP (nsm-agent-vpp)" : "";
    throw invalid(
      `item ${JSON.stringify((item.id?.name ?? "").slice(0, 80))} has the unknown model ${JSON.stringify(id.slice(0, 80))}; this agent knows ${known}${hint}`,
      id,
    );
  }
  if (item.data?.union.case !== "any") {
    const name = item.id?.name ?? "";
    const key = keyOfName(model, name);
    if (key === undefined) {
      throw invalid(
        `item of model ${id} without data has the name ${JSON.stringify(name.slice(0, 80))}; set id.name to what its key ends in`,
        id,
      );
    }
    return { model, key };
  }
  const any = item.data.union.value;
  const typeName = any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
  if (typeName !== model.schema.typeName) {
    throw invalid(
      `item of model ${id} carries ${typeName.slice(0, 80) || "no type"}; expected ${model.schema.typeName}`,
      id,
    );
  }
  let message: Message;
  try {
    message = fromBinary(model.schema, any.value);
  } catch (cause) {
    throw invalid(`item of model ${id} carries bytes that are no ${typeName}`, id, cause);
  }
  return { model, key: keyOf(model, message), message };
}

/** What the meta service tells about a model. */
export function modelDetail(model: Model): ModelDetail {
  const options = [{ key: "protoFile", values: [`${model.schema.file.name}.proto`] }];
  if (model.naming) options.unshift({ key: "nameTemplate", values: [model.naming.template] });
  return create(ModelDetailSchema, { spec: model.spec, protoName: model.schema.typeName, options });
}

function invalid(message: string, model: string, cause?: unknown): CodedError {
  return new CodedError("INVALID_ARGUMENT", message, { cause, details: { model } });
}
