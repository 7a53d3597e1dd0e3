import {
  type ConfiguredItem,
  findTwins,
  isCnfConfiguration,
  isObject,
  Problems,
  readConfiguration,
  storedKey,
  storedValue,
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

/**
 * What the CNFConfigurations in these files become in the agents' store.
 * @throws CodedError NOT_FOUND; INVALID_CONFIG with a line for each thing that is wrong in any of the files
 */
export async function renderFiles(
  paths: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Rendered> {
  return renderTexts(await readFiles(paths, options));
}

/** @throws CodedError INVALID_CONFIG, NOT_FOUND without any CNFConfiguration */
export function renderTexts(files: readonly TextFile[]): Rendered {
  const problems = new Problems();
  const ignored: string[] = [];
  const items: ConfiguredItem[] = [];
  let found = 0;
  for (const { name, text } of files) {
    // The message begins with the place.
    const documents = problems.catching("", () => readYaml(text, { name }).flatMap(unfoldList)) ?? [];
    for (const document of documents) {
      const { value, positionOf: at, blockAt } = document;
      if (isCnfConfiguration(value)) {
        found++;
        items.push(
          ...readConfiguration(value, { name, models: allModels, textOnly: true, problems, ignored, at, blockAt }),
        );
      } else other(document, problems, ignored);
    }
  }
  for (const item of items) {
    // A line break would make two lines of one pair.
    if (/\p{Cc}/u.test(item.key))
      problems.add(item.place, `the key ${JSON.stringify(item.key)} has a control character; use another name`);
  }
  findTwins(items, problems, storedKey);
  refuse(problems);
  if (found === 0)
    throw new CodedError(
      "NOT_FOUND",
      `no CNFConfiguration in ${files.map(({ name }) => name).join(", ") || "no file"}`,
    );
  return { pairs: items.map((item) => ({ key: storedKey(item), value: storedValue(item) })), ignored };
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
