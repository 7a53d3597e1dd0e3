import { keyOf, type ModelRegistry } from "@nsmkit/api/model";
import { isObject, unknownFields } from "../northbound/files/object.ts";
import type { BlockPlace, YamlPath } from "../northbound/files/yaml.ts";
import type { Item } from "../northbound/item.ts";
import type { Problems } from "../northbound/problems.ts";
import { readValue } from "./data.ts";
import { findModel, type UnknownModel } from "./find-model.ts";
import type { UnknownModels } from "./unknown-models.ts";
import { readUnread } from "./unread.ts";

/** A CNFConfiguration of `pantheon.tech/v1`, before its items are looked at. */
export interface CnfConfiguration extends Record<string, unknown> {
  readonly apiVersion: string;
  readonly kind: "CNFConfiguration";
}

/** Where a CNFConfiguration was written, and what its items may be. */
export interface ConfigurationContext {
  /** File name or the like: the start of every place in messages. */
  readonly name: string;
  readonly models: ModelRegistry;
  /** Takes the items for this agent only and leaves the others unread; without it, all are read. */
  readonly label?: string;
  /** Takes `data` only as text, which is all that the CRD has; else it may be an object too. */
  readonly textOnly?: boolean;
  readonly problems: Problems;
  /** Gets a sentence for each item that is left out. */
  readonly ignored: string[];
  /** `file:line:column` of a path in the document. */
  readonly at: (path: YamlPath) => string;
  /** Where the text of a block scalar stands; undefined where that is not known. Its `name` wins over that above. */
  readonly blockAt: (path: YamlPath) => (BlockPlace & { readonly name?: string }) | undefined;
  /** Items of models that are not known: which of them are taken over unread. Default: each is a problem. */
  readonly unknownModels?: UnknownModels;
}

/** A value and the agent that it is for. */
export interface ConfiguredItem extends Item {
  /** The agent's microservice label. */
  readonly label: string;
}

/** A value of a model that nobody here knows, as it was written. */
export interface UnreadItem {
  readonly key: string;
  readonly label: string;
  readonly unread: { readonly model: UnknownModel; readonly value: unknown };
  readonly place: string;
}

/** An item and where it stands in `spec.configItems`, counted from 0. */
export type IndexedItem = (ConfiguredItem | UnreadItem) & { readonly index: number };

const group = "pantheon.tech/";

export function isCnfConfiguration(value: unknown): value is CnfConfiguration {
  return isObject(value) && value.kind === "CNFConfiguration" && typeof value.apiVersion === "string";
}

const documentFields = ["apiVersion", "kind", "metadata", "spec", "status"];
const specFields = ["microservice", "configItems"];
const itemFields = ["microservice", "module", "version", "type", "name", "data"];

/**
 * The items of one document; everything wrong with it goes to `problems`, and what is returned is the rest. With a
 * label, what is declared for other labels may use models that this agent does not know, so it is not read at all. As
 * with the original controller (PANTHEONtech/cnf-nsm plugins/crdplugin), an item's `name` does not count where the
 * model is known.
 */
export function readConfiguration(
  document: CnfConfiguration,
  context: Omit<ConfigurationContext, "unknownModels">,
): ConfiguredItem[] {
  return readItems(document, context).flatMap((item) => {
    if ("unread" in item) return [];
    const { index: _index, ...configured } = item;
    return [configured];
  });
}

/** As `readConfiguration`, with the place of each item among the others, and with items that are taken over unread. */
export function readItems(document: CnfConfiguration, context: ConfigurationContext): IndexedItem[] {
  const { problems, at } = context;
  const object = `CNFConfiguration ${nameOf(document.metadata)}`;
  const wrong = (path: YamlPath, text: string): [] => {
    problems.add(at(path), `${object}: ${text}`);
    return [];
  };
  if (document.apiVersion !== `${group}v1`)
    return wrong(["apiVersion"], `apiVersion is ${JSON.stringify(document.apiVersion.slice(0, 60))}; write ${group}v1`);
  for (const { key, text } of unknownFields(document, documentFields)) wrong([key], text);
  const { spec } = document;
  if (!isObject(spec)) return wrong(["spec"], "spec is missing; write spec with microservice and configItems");
  for (const { key, text } of unknownFields(spec, specFields)) wrong(["spec", key], text);
  if (!Array.isArray(spec.configItems))
    return wrong(["spec"], "spec.configItems is not a list; write one item per value");
  return spec.configItems.flatMap((item: unknown, i) => readItem(item, i, spec.microservice, object, context));
}

function readItem(
  item: unknown,
  index: number,
  specLabel: unknown,
  object: string,
  context: ConfigurationContext,
): IndexedItem[] {
  const { problems, at } = context;
  const title = `${object} item ${index + 1}`;
  const path = ["spec", "configItems", index];
  const fail = (text: string, below: string[] = []): [] => {
    problems.add(at([...path, ...below]), `${title}: ${text}`);
    return [];
  };
  if (!isObject(item)) return fail(`is no object; the fields are ${itemFields.join(", ")}`);
  // The CRD's form writes an absent text as "".
  const label = item.microservice || specLabel;
  if (typeof label !== "string" || label === "")
    return fail("has no microservice and neither has spec; name the agent (its MICROSERVICE_LABEL) that it is for");
  if (context.label !== undefined && label !== context.label) {
    context.ignored.push(`${title} (microservice ${label})`);
    return [];
  }
  if (!/^[^/\s\p{Cc}]+$/u.test(label) || label === "." || label === "..")
    return fail(
      `microservice is ${JSON.stringify(label.slice(0, 60))}, which cannot be part of a key; use a word without slashes and spaces`,
    );
  for (const { key, text } of unknownFields(item, itemFields)) fail(text, [key]);
  const found = findModel(item, context, fail);
  if (!found) return [];
  if ("unknown" in found) {
    const unread = readUnread(found.unknown, item, title, [...path, "data"], context);
    return unread ? [{ ...unread, label, index }] : [];
  }
  const model = found.known;
  const value = readValue(model, item.data, title, [...path, "data"], context);
  if (!value) return [];
  const dataAt = at([...path, "data"]);
  const key = problems.catching(dataAt, () => keyOf(model, value), title);
  return key === undefined ? [] : [{ key, label, model, value, place: `${dataAt}: ${title}`, index }];
}

function nameOf(metadata: unknown): string {
  if (!isObject(metadata) || typeof metadata.name !== "string") return "without metadata.name";
  return `${typeof metadata.namespace === "string" ? metadata.namespace : "default"}/${metadata.name}`;
}
