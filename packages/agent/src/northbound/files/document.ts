import type { ModelRegistry } from "@nsmkit/api/model";
import { type ConfigurationContext, isCnfConfiguration, readConfiguration } from "../../cnf-configuration/read.ts";
import type { Item } from "../item.ts";
import { Problems } from "../problems.ts";
import { isKeyValueDocument, readKeyValues } from "./key-values.ts";
import { isLigatoConfig, readLigatoConfig } from "./ligato-config.ts";
import { isObject } from "./object.ts";
import { findTwins } from "./twins.ts";
import { readYaml, unfoldList, type YamlDocument } from "./yaml.ts";

export interface ReadOptions {
  /** Start of every message, usually the file's name. */
  readonly name: string;
  readonly models: ModelRegistry;
  /** The agent's microservice label: items for another one are left out. */
  readonly label: string;
}

/** What a text declares for this agent. */
export interface Declaration {
  readonly items: readonly Item[];
  /** Documents that are not for an agent ("Pod default/nat"), and items for other agents. */
  readonly ignored: readonly string[];
}

/** What a reader of one kind of document is given. */
export interface DocumentContext extends ConfigurationContext {
  readonly label: string;
}

/**
 * Reads a text of YAML or JSON documents of any accepted kind: Ligato configuration, CNFConfiguration, key-value list.
 * @throws CodedError INVALID_CONFIG naming file, line, document, item and field, for everything that is wrong at once
 */
export function readDeclaration(text: string, options: ReadOptions): Declaration {
  const problems = new Problems();
  const ignored: string[] = [];
  const documents = readYaml(text, { name: options.name }).flatMap(unfoldList);
  const items = documents.flatMap((document) =>
    readDocument(document, {
      ...options,
      problems,
      ignored,
      at: document.positionOf,
      blockAt: document.blockAt,
    }),
  );
  problems.throwIfAny();
  findTwins(items, problems);
  problems.throwIfAny();
  return { items, ignored };
}

function readDocument(document: YamlDocument, context: DocumentContext): Item[] {
  const { value } = document;
  if (isCnfConfiguration(value)) return readConfiguration(value, context);
  if (isObject(value) && typeof value.kind === "string" && typeof value.apiVersion === "string") {
    context.ignored.push(`${value.kind} ${nameOf(value.metadata)}`);
    return [];
  }
  if (isKeyValueDocument(value)) return readKeyValues(value, context);
  if (isLigatoConfig(value)) return readLigatoConfig(value, context);
  context.problems.add(
    context.at([]),
    `document ${document.index} is ${isObject(value) ? `an object with ${Object.keys(value).slice(0, 3).join(", ") || "nothing"}` : "no object"}; ` +
      `expected a CNFConfiguration (apiVersion, kind, spec), a Ligato configuration (linuxConfig, netallocConfig, cnfConfig) or a list of keys and values (data)`,
  );
  return [];
}

/** "default/nat" of a Kubernetes object's metadata. */
function nameOf(metadata: unknown): string {
  if (!isObject(metadata)) return "without name";
  const namespace = typeof metadata.namespace === "string" ? metadata.namespace : "default";
  return `${namespace}/${typeof metadata.name === "string" ? metadata.name : "?"}`;
}
