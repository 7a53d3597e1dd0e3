import { isObject } from "../northbound/files/object.ts";
import type { YamlPath } from "../northbound/files/yaml.ts";
import { readData } from "./data.ts";
import type { UnknownModel } from "./find-model.ts";
import type { ConfigurationContext, UnreadItem } from "./read.ts";

/**
 * An item of a model that nobody here knows, as the original controller took it over (contiv/vpp
 * plugins/crd/handler/customconfiguration): the name is the item's, else the `name` in its data; without any the model
 * is taken for one that has a single value.
 */
export function readUnread(
  model: UnknownModel,
  item: Readonly<Record<string, unknown>>,
  title: string,
  path: YamlPath,
  context: ConfigurationContext,
): Omit<UnreadItem, "label"> | undefined {
  const read = readData(item.data, title, path, context);
  if (!read) return undefined;
  const { value } = read;
  const named = isObject(value) && typeof value.name === "string" ? value.name : "";
  const name = typeof item.name === "string" && item.name !== "" ? item.name : named;
  const place = context.at(path);
  if (/\p{Cc}/u.test(name)) {
    context.problems.add(place, `${title}: the name ${JSON.stringify(name)} has a control character; use another one`);
    return undefined;
  }
  const { module, version, type } = model;
  const key = ["config", module.replaceAll(".", "/"), version, type, ...(name === "" ? [] : [name])].join("/");
  return { key, unread: { model, value }, place: `${place}: ${title}` };
}

/** JSON as Go writes what was read into maps: keys in order, `<`, `>`, `&` and two line separators escaped. */
export function unreadText(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
  return text.replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
