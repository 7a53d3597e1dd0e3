import { keyOf, type Model, parseValue } from "@nsmkit/api/model";
import { CodedError } from "@nsmkit/core";
import type { Item } from "../item.ts";
import type { DocumentContext } from "./document.ts";
import { isObject, unknownFields } from "./object.ts";
import { readYaml } from "./yaml.ts";

/** A CNFConfiguration of `pantheon.tech/v1`, before its items are looked at. */
export interface CnfConfiguration extends Record<string, unknown> {
  readonly apiVersion: string;
  readonly kind: "CNFConfiguration";
}

const group = "pantheon.tech/";

export function isCnfConfiguration(value: unknown): value is CnfConfiguration {
  return isObject(value) && value.kind === "CNFConfiguration" && typeof value.apiVersion === "string";
}

const documentFields = ["apiVersion", "kind", "metadata", "spec", "status"];
const specFields = ["microservice", "configItems"];
const itemFields = ["microservice", "module", "version", "type", "name", "data"];

/**
 * The items for this agent's label. What is declared for other labels may use models that this agent does not know,
 * so it is not read at all. As with the CRD controller, an item's `name` does not count where the model is known.
 */
export function readCnfConfiguration(document: CnfConfiguration, context: DocumentContext): Item[] {
  const { problems, at } = context;
  const object = `CNFConfiguration ${nameOf(document.metadata)}`;
  const wrong = (path: readonly (string | number)[], text: string): [] => {
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
  return spec.configItems.flatMap((item: unknown, i) => {
    const place = `item ${i + 1}`;
    const path = ["spec", "configItems", i];
    const fail = (text: string, below: string[] = []): [] => wrong([...path, ...below], `${place}: ${text}`);
    if (!isObject(item)) return fail(`is no object; the fields are ${itemFields.join(", ")}`);
    const target = item.microservice ?? spec.microservice;
    if (typeof target !== "string" || target === "")
      return fail("has no microservice and neither has spec; name the agent (its MICROSERVICE_LABEL) that it is for");
    if (target !== context.label) {
      context.ignored.push(`${object} ${place} (microservice ${target})`);
      return [];
    }
    for (const { key, text } of unknownFields(item, itemFields)) fail(text, [key]);
    const model = modelOf(item, context, fail);
    if (!model) return [];
    const itemAt = at([...path, "data"]);
    const value = problems.catching(itemAt, () => {
      const data = typeof item.data === "string" ? readData(item.data, `${object} ${place} data`) : item.data;
      return parseValue(model, data ?? null, { object: `${object} ${place}` });
    });
    if (!value) return [];
    const key = problems.catching(itemAt, () => keyOf(model, value));
    return key === undefined ? [] : [{ key, model, value, place: `${itemAt}: ${object} ${place}` }];
  });
}

function modelOf(
  item: Record<string, unknown>,
  { models }: DocumentContext,
  fail: (text: string, below?: string[]) => [],
): Model | undefined {
  const { module, type, version } = item;
  if (typeof module !== "string" || typeof type !== "string") {
    fail('needs module and type, for example module "linux.interfaces", type "interface"');
    return undefined;
  }
  if (version !== undefined && typeof version !== "string") {
    fail("version is not text; write v1, v2 or leave it out", ["version"]);
    return undefined;
  }
  // The CRD's form writes an absent version as "".
  const model = models.modelOf(module, type, version || undefined);
  if (model) return model;
  const anyVersion = models.modelOf(module, type);
  if (anyVersion) {
    fail(
      `version is ${JSON.stringify(version)}, ${module} ${type} has ${anyVersion.spec.version}; write that or leave it out`,
      ["version"],
    );
    return undefined;
  }
  const known = models.models.map(({ spec }) => `${spec.module} ${spec.type}`).join(", ");
  const hint = module.startsWith("vpp") ? "; VPP models need nsm-agent-vpp" : "";
  fail(`the model ${module.slice(0, 60)} ${type.slice(0, 60)} is unknown here; this agent knows ${known}${hint}`, [
    "module",
  ]);
  return undefined;
}

/** YAML inside a block scalar: positions count within the text. */
function readData(text: string, name: string): unknown {
  const documents = readYaml(text, { name });
  if (documents.length > 1)
    throw new CodedError("INVALID_CONFIG", `${name} holds ${documents.length} documents; write one item for each`);
  return documents[0]?.value;
}

function nameOf(metadata: unknown): string {
  if (!isObject(metadata) || typeof metadata.name !== "string") return "without metadata.name";
  return `${typeof metadata.namespace === "string" ? metadata.namespace : "default"}/${metadata.name}`;
}
