import { create, type DescField, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type Config, ConfigSchema } from "@nsmkit/api/configurator";
import { keyOf, type Model, type ModelRegistry } from "@nsmkit/api/model";
import type { Item } from "../../item.ts";
import { Problems } from "../../problems.ts";

/** A field of a group: "linux_config" and "interfaces". */
interface Slot {
  readonly group: DescField & { fieldKind: "message" };
  readonly field: DescField;
  readonly typeName: string;
}

/** Where `ligato.configurator.Config` keeps which message; everything that needs another place is not in it. */
const slots: readonly Slot[] = ConfigSchema.fields.flatMap((group) =>
  group.fieldKind === "message"
    ? group.message.fields.flatMap((field) =>
        field.message ? [{ group, field, typeName: field.message.typeName }] : [],
      )
    : [],
);

/**
 * The items of a configuration.
 * @param name how the request calls it: "update"
 * @throws CodedError INVALID_CONFIG with a line per wrong item, those of models that this agent lacks among them
 */
export function readConfig(models: ModelRegistry, config: Config | undefined, name: string): Item[] {
  const problems = new Problems();
  const whole = reflect(ConfigSchema, config);
  const items = slots.flatMap(({ group, field, typeName }) => {
    if (!whole.isSet(group)) return [];
    const part = whole.get(group);
    if (!part.isSet(field)) return [];
    const values: Message[] =
      field.fieldKind === "list" ? [...part.get(field)].map(messageOf) : [messageOf(part.get(field))];
    const model = models.modelOfMessage(typeName);
    return values.flatMap((value, i) => {
      const place = `${name}.${group.name}.${field.name}${field.fieldKind === "list" ? `[${i}]` : ""}`;
      if (!model) {
        problems.add(place, `this agent has no model for ${typeName}; ${remedyFor(typeName)}`);
        return [];
      }
      const key = problems.catching(place, () => keyOf(model, value));
      return key === undefined ? [] : [{ key, model, value, place }];
    });
  });
  problems.throwIfAny();
  refuseTwins(items, problems);
  return items;
}

function remedyFor(typeName: string): string {
  return typeName.startsWith("ligato.vpp.")
    ? "send it to an agent with VPP (nsm-agent-vpp), or leave it out"
    : "leave it out";
}

function refuseTwins(items: readonly Item[], problems: Problems): void {
  const seen = new Map<string, Item>();
  for (const item of items) {
    const twin = seen.get(item.key);
    if (twin) problems.add(item.place, `${item.key} occurs in ${twin.place} too; keep one`);
    seen.set(item.key, item);
  }
  problems.throwIfAny();
}

/** One message with every value that has a place in it. The groups are always there, as the original sends them. */
export function writeConfig(values: Iterable<{ readonly model: Model; readonly value: Message }>): Config {
  const config = create(ConfigSchema);
  const whole = reflect(ConfigSchema, config);
  for (const { group } of slots) if (!whole.isSet(group)) whole.set(group, reflect(group.message));
  const byType = new Map(slots.map((slot) => [slot.typeName, slot]));
  for (const { model, value } of values) {
    const slot = byType.get(model.schema.typeName);
    if (!slot) continue;
    const part = whole.get(slot.group);
    const message = reflect(model.schema, value);
    if (slot.field.fieldKind === "list") part.get(slot.field).add(message);
    else part.set(slot.field, message);
  }
  return config;
}

/** Whether a model's values can be told in this message. */
export function hasPlace(model: Model): boolean {
  return slots.some(({ typeName }) => typeName === model.schema.typeName);
}

function messageOf(value: unknown): Message {
  if (typeof value === "object" && value !== null && "message" in value) return value.message as Message;
  throw new TypeError("a field of messages holds something else");
}
