import {
  type CnfConfiguration,
  type IndexedItem,
  isCnfConfiguration,
  isObject,
  Problems,
  readItems,
  readPairs,
  readUnknownModels,
  storedKey,
  storedValue,
  type UnknownModels,
  unknownModelsAnnotation,
} from "@nsmkit/agent/cnf-configuration";
import { readYaml, unfoldList, type YamlDocument } from "@nsmkit/agent/documents";
import { allModels } from "@nsmkit/api/model/vpp";
import { CodedError } from "@nsmkit/core";
import { readFiles, type TextFile } from "./files.ts";

export interface Pair {
  /** `/vnf-agent/<microservice>/<model key>` */
  readonly key: string;
  /** Canonical JSON. */
  readonly value: string;
}

export interface Rendered {
  /** In the order of the documents. */
  readonly pairs: readonly Pair[];
  /** Documents that are no CNFConfiguration: "pod.yaml:1:1: Pod default/nat". */
  readonly ignored: readonly string[];
}

export interface RenderOptions {
  /** As cnf-crd's setting: models that are not known and whose items are taken over unread. */
  readonly unknownModels?: string;
  readonly signal?: AbortSignal;
}

/**
 * What the CNFConfigurations in these files become in the agents' store.
 * @throws CodedError NOT_FOUND; INVALID_CONFIG with a line for each thing that is wrong in any of the files
 */
export async function renderFiles(paths: readonly string[], options: RenderOptions = {}): Promise<Rendered> {
  return renderTexts(await readFiles(paths, options), options);
}

/** @throws CodedError INVALID_CONFIG, NOT_FOUND without any CNFConfiguration */
export function renderTexts(files: readonly TextFile[], options: RenderOptions = {}): Rendered {
  const problems = new Problems();
  const ignored: string[] = [];
  const pairs: PlacedPair[] = [];
  const allowed = readUnknownModels(options.unknownModels ?? "");
  let found = 0;
  for (const { name, text } of files) {
    // The message begins with the place.
    const documents = problems.catching("", () => readYaml(text, { name }).flatMap(unfoldList)) ?? [];
    for (const document of documents) {
      if (isCnfConfiguration(document.value)) {
        found++;
        pairs.push(...pairsOf(document, document.value, name, allowed, problems));
      } else other(document, problems, ignored);
    }
  }
  checkKeys(pairs, problems);
  refuse(problems);
  if (found === 0)
    throw new CodedError(
      "NOT_FOUND",
      `no CNFConfiguration in ${files.map(({ name }) => name).join(", ") || "no file"}`,
    );
  return { pairs: pairs.map(({ key, value }) => ({ key, value })), ignored };
}

interface PlacedPair extends Pair {
  readonly place: string;
  /** Without the agent's prefix. */
  readonly itemKey: string;
  readonly model: string;
}

function pairsOf(
  { positionOf: at, blockAt }: YamlDocument,
  value: CnfConfiguration,
  name: string,
  allowed: UnknownModels,
  problems: Problems,
): PlacedPair[] {
  const annotations =
    isObject(value.metadata) && isObject(value.metadata.annotations) ? value.metadata.annotations : {};
  const annotation = annotations[unknownModelsAnnotation];
  const own = problems.catching(at(["metadata", "annotations", unknownModelsAnnotation]), () =>
    readUnknownModels(typeof annotation === "string" ? annotation : ""),
  );
  const unknownModels: UnknownModels = (module, type) => allowed(module, type) || (own?.(module, type) ?? false);
  const context = { name, models: allModels, textOnly: true, problems, ignored: [], at, blockAt, unknownModels };
  const items = readItems(value, context);
  // What is taken over unread has the controller's own text.
  const taken = items.some((item) => "unread" in item)
    ? readPairs(value, { models: allModels, unknownModels }).pairs
    : [];
  return items.map((item) => ({
    key: storedKey(item),
    value: textOf(item, taken),
    place: item.place,
    itemKey: item.key,
    model: "unread" in item ? `${item.unread.model.module}.${item.unread.model.type}` : item.model.name,
  }));
}

function textOf(item: IndexedItem, taken: readonly { readonly index: number; readonly value: string }[]): string {
  if (!("unread" in item)) return storedValue(item);
  return taken.find(({ index }) => index === item.index)?.value ?? "";
}

function checkKeys(pairs: readonly PlacedPair[], problems: Problems): void {
  const seen = new Map<string, PlacedPair>();
  for (const pair of pairs) {
    const { key, place, itemKey, model } = pair;
    // A line break would make two lines of one pair.
    if (/\p{Cc}/u.test(itemKey))
      problems.add(place, `the key ${JSON.stringify(itemKey)} has a control character; use another name`);
    const twin = seen.get(key);
    if (twin) problems.add(place, `${model} ${key} is declared twice, also at ${twin.place}; keep one`);
    else seen.set(key, pair);
  }
}

function other({ value, positionOf }: YamlDocument, problems: Problems, ignored: string[]): void {
  const { kind, apiVersion, metadata } = isObject(value) ? value : {};
  if (typeof kind !== "string" || typeof apiVersion !== "string") {
    problems.add(positionOf([]), "the document is no Kubernetes object; write apiVersion, kind and metadata");
  } else if (apiVersion.startsWith("pantheon.tech/") || kind.toLowerCase().startsWith("cnfconfig")) {
    problems.add(
      positionOf(["kind"]),
      `kind is ${JSON.stringify(kind.slice(0, 60))} of ${apiVersion.slice(0, 60)}; write CNFConfiguration and pantheon.tech/v1`,
    );
  } else {
    const { name, namespace } = isObject(metadata) ? metadata : {};
    ignored.push(`${positionOf([])}: ${kind} ${typeof namespace === "string" ? `${namespace}/` : ""}${name ?? "?"}`);
  }
}

/** All of them: this is read by people who mend a file. */
function refuse({ list }: Problems): void {
  if (list.length === 0) return;
  const lines = list.map(({ place, text }) => (place === "" ? text : `${place}: ${text}`));
  throw new CodedError("INVALID_CONFIG", [`${lines.length} to correct, nothing is rendered`, ...lines].join("\n"), {
    details: { problems: list },
  });
}
