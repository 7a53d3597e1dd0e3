import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type Config, ConfigSchema } from "@nsmkit/api/configurator";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError } from "@nsmkit/core";
import type { Item } from "./read-files.ts";

/**
 * Values as the one message of the configurator service.
 * @throws CodedError UNSUPPORTED for models that it has no field for: network services, iptables
 */
export function configOf(items: readonly Pick<Item, "key" | "model" | "value">[]): Config {
  const config = create(ConfigSchema);
  for (const { key, model, value } of items) {
    const place = fieldsFor(model.schema);
    if (!place)
      throw new CodedError(
        "UNSUPPORTED",
        `${key}: the configurator service does not take ${model.name}; use an agent with the generic manager, or --via etcd`,
      );
    const [group, field] = place;
    const outer = reflect(ConfigSchema, config);
    const inner = outer.get(group) as ReturnType<typeof reflect>;
    if (field.fieldKind === "list")
      (inner.get(field) as { add(item: unknown): void }).add(reflect(model.schema, value));
    else inner.set(field, reflect(model.schema, value));
    outer.set(group, inner);
  }
  return config;
}

type Place = readonly [DescField & { fieldKind: "message" }, DescField];

function fieldsFor(schema: DescMessage): Place | undefined {
  for (const group of ConfigSchema.fields) {
    if (group.fieldKind !== "message") continue;
    const field = group.message.fields.find((one) => messageOf(one)?.typeName === schema.typeName);
    if (field) return [group, field];
  }
  return undefined;
}

function messageOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind === "message") return field.message;
  return field.fieldKind === "list" && field.listKind === "message" ? field.message : undefined;
}

/** The inverse: every value in the message, with its model. */
export function itemsOf(
  config: Config,
): { model: NonNullable<ReturnType<typeof allModels.modelOfMessage>>; value: Message }[] {
  const outer = reflect(ConfigSchema, config);
  return ConfigSchema.fields.flatMap((group) => {
    if (group.fieldKind !== "message" || !outer.isSet(group)) return [];
    const inner = outer.get(group);
    return group.message.fields.flatMap((field) => {
      const desc = messageOf(field);
      const model = desc && allModels.modelOfMessage(desc.typeName);
      if (!model || !inner.isSet(field)) return [];
      const content: unknown = inner.get(field);
      const list = field.fieldKind === "list" ? [...(content as Iterable<unknown>)] : [content];
      return list.map((one) => ({ model, value: (one as { message: Message }).message }));
    });
  });
}
