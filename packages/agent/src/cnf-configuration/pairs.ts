import { type ModelRegistry, parseValue } from "@nsmkit/api/model";
import { isCodedError } from "@nsmkit/core";
import { isObject } from "../northbound/files/object.ts";
import type { YamlPath } from "../northbound/files/yaml.ts";
import { Problems } from "../northbound/problems.ts";
import { type CnfConfiguration, type IndexedItem, readItems } from "./read.ts";
import { storedKey, storedValue } from "./stored.ts";
import { noUnknownModels, readUnknownModels, type UnknownModels, unknownModelsAnnotation } from "./unknown-models.ts";
import { unreadText } from "./unread.ts";

/** What one item of a resource becomes in the store that all agents share. */
export interface DeclaredPair {
  /** Place of the item in `spec.configItems`, from 0. */
  readonly index: number;
  /** The agent's microservice label. */
  readonly label: string;
  /** "vpp.nat.nat44-pool" */
  readonly model: string;
  /** Without the agent's prefix: "config/vpp/nat/v2/nat44-global". */
  readonly itemKey: string;
  /** `/vnf-agent/<label>/<itemKey>` */
  readonly key: string;
  readonly value: string;
}

export interface DeclaredProblem {
  /** Of the item, from 0; absent for what is wrong with the resource as a whole. */
  readonly index?: number;
  /** "spec.configItems[2].data:4:7": path of the field, and within `data` line and column. */
  readonly place: string;
  /** One sentence: object, field, value, remedy. */
  readonly text: string;
}

/** All or nothing: with problems there are no pairs. */
export interface Declared {
  readonly pairs: readonly DeclaredPair[];
  readonly problems: readonly DeclaredProblem[];
}

export interface PairOptions {
  readonly models: ModelRegistry;
  /** What the program allows for every resource; the resource's annotation adds to it. */
  readonly unknownModels?: UnknownModels;
}

/** The pairs that a CNFConfiguration as the API server has it becomes, or everything that is wrong with it. */
export function readPairs(document: CnfConfiguration, options: PairOptions): Declared {
  const problems = new Problems();
  const title = titleOf(document);
  const annotation = annotationOf(document);
  const own = problems.catching(`metadata.annotations[${unknownModelsAnnotation}]`, () =>
    readUnknownModels(annotation),
  );
  const { unknownModels = noUnknownModels } = options;
  const items = readItems(resourceOf(document), {
    name: "",
    models: options.models,
    textOnly: true,
    problems,
    ignored: [],
    at: placeText,
    blockAt: (path) => ({ name: placeText(path), lines: 0, columns: 0 }),
    unknownModels: (module, type) => unknownModels(module, type) || (own?.(module, type) ?? false),
  });
  const pairs = items.map(pairOf);
  findTwinPairs(pairs, problems);
  if (problems.list.length === 0) return { pairs, problems: [] };
  return {
    pairs: [],
    // Whoever shows them shows the resource's name too.
    problems: problems.list.map(({ place, text }) => ({
      ...indexOf(place),
      place,
      text: text.startsWith(title) ? text.slice(title.length).replace(/^:? /, "") : text,
    })),
  };
}

/** How the reader begins its sentences. */
function titleOf({ metadata }: CnfConfiguration): string {
  const { namespace, name } = isObject(metadata) ? metadata : {};
  return `CNFConfiguration ${typeof namespace === "string" ? namespace : "default"}/${typeof name === "string" ? name : unnamed}`;
}

/** The API server names a resource with `generateName` only after it was checked. */
const unnamed = "new";

/** Only the parts that users write: what the server adds is not to be judged. */
function resourceOf({ apiVersion, kind, metadata, spec }: CnfConfiguration): CnfConfiguration {
  const { namespace, name } = isObject(metadata) ? metadata : {};
  return { apiVersion, kind, metadata: { namespace, name: name ?? unnamed }, spec };
}

function annotationOf({ metadata }: CnfConfiguration): string {
  const annotations = isObject(metadata) && isObject(metadata.annotations) ? metadata.annotations : {};
  const text = annotations[unknownModelsAnnotation];
  return typeof text === "string" ? text : "";
}

function pairOf(item: IndexedItem): DeclaredPair {
  const { index, label, key: itemKey } = item;
  const base = { index, label, itemKey, key: storedKey(item) };
  if (!("unread" in item)) return { ...base, model: item.model.name, value: storedValue(item) };
  const { module, type } = item.unread.model;
  return { ...base, model: `${module}.${type}`, value: unreadText(item.unread.value) };
}

function findTwinPairs(pairs: readonly DeclaredPair[], problems: Problems): void {
  const seen = new Map<string, number>();
  for (const { key, index } of pairs) {
    const place = placeText(["spec", "configItems", index]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else
      problems.add(
        place,
        `item ${index + 1}: the key ${key} is that of item ${first + 1} too; keep one of the two items`,
      );
    // etcd takes any bytes, but nothing that prints or watches keys expects these.
    if (/\p{Cc}/u.test(key))
      problems.add(
        place,
        `item ${index + 1}: the key ${JSON.stringify(key)} has a control character; use another name`,
      );
  }
}

/** "spec.configItems[2].module", as the API server writes paths. */
function placeText(path: YamlPath): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

function indexOf(place: string): { readonly index?: number } {
  const [, digits] = /^spec\.configItems\[(\d+)\]/.exec(place) ?? [];
  return digits === undefined ? {} : { index: Number(digits) };
}

/**
 * Whether two texts under one key mean the same value. Values of models that are not known are compared as JSON.
 * @param itemKey without the agent's prefix
 */
export function isSameValue(models: ModelRegistry, itemKey: string, a: string, b: string): boolean {
  if (a === b) return true;
  const [one, other] = [meaningOf(models, itemKey, a), meaningOf(models, itemKey, b)];
  return one !== undefined && one === other;
}

function meaningOf(models: ModelRegistry, itemKey: string, text: string): string | undefined {
  const model = models.modelOfKey(itemKey)?.model;
  try {
    const value: unknown = JSON.parse(text);
    return model ? storedValue({ model, value: parseValue(model, value) }) : unreadText(value);
  } catch (error) {
    if (error instanceof SyntaxError || isCodedError(error, "INVALID_CONFIG")) return undefined;
    throw error;
  }
}
