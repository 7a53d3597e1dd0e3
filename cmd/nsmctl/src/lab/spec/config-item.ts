import type { Message } from "@bufbuild/protobuf";
import { keyOf, knownModels, type Model, type Problem, parseValue } from "@nsmkit/api/model";
import { isCodedError, messageOf } from "@nsmkit/core";
import type { ConfigItem } from "../documents/cnf-configuration.ts";
import { isObject } from "../documents/object.ts";
import { meant } from "../documents/schema.ts";
import { type Path, readDocuments, type SourceDocument } from "../documents/yaml.ts";
import { checkItemValue, type ItemMeaning } from "./config-values.ts";

export interface CheckedItem {
  readonly key: string;
  readonly meaning: ItemMeaning;
}

type Wrong = (at: string, text: string) => void;

/** Checks one item; what is wrong is told with the line in which it stands, also inside a block of text. */
export function checkItem(item: ConfigItem, source: SourceDocument, path: Path, wrong: Wrong): CheckedItem | undefined {
  const modelAt = source.at([...path, "module"]);
  // The CRD's form writes an absent version as "".
  const model = knownModels.modelOf(item.module, item.type, item.version || undefined);
  if (!model) {
    wrong(modelAt, unknownModel(item));
    return undefined;
  }
  const data = readData(item, source, [...path, "data"], wrong);
  if (!data) return undefined;
  const kind = `${item.module} ${item.type}`;
  const field = (name: string, text: string): void =>
    wrong(data.at(name), name === "" ? `${kind}: ${text}` : `${kind}: ${name} ${text}`);
  const value = parse(model, data.value, field);
  if (!value) return undefined;
  try {
    const key = keyOf(model, value);
    return { key, meaning: checkItemValue(model, value, field) };
  } catch (error) {
    field("", messageOf(error));
    return undefined;
  }
}

function parse(model: Model, data: unknown, field: (name: string, text: string) => void): Message | undefined {
  try {
    return parseValue(model, data);
  } catch (error) {
    const problems = isCodedError(error) ? error.details.problems : undefined;
    if (!Array.isArray(problems)) field("", messageOf(error));
    else for (const problem of problems as Problem[]) field(problem.field, problem.text);
    return undefined;
  }
}

interface ItemData {
  readonly value: unknown;
  /** `file:line` of a field such as "ip_addresses[1]". */
  at(field: string): string;
}

/** The data as an object or as YAML inside a text. */
function readData({ data }: ConfigItem, source: SourceDocument, path: Path, wrong: Wrong): ItemData | undefined {
  if (typeof data !== "string") return { value: data, at: (field) => source.at([...path, ...pathOf(field, data)]) };
  const linesAbove = source.linesAbove(path);
  try {
    const [document, second] = readDocuments(data, source.file, linesAbove === undefined ? {} : { linesAbove });
    if (second) throw new Error("data holds several documents; write one item for each");
    const at = (field: string): string =>
      document && linesAbove !== undefined ? document.at(pathOf(field, document.value)) : source.at(path);
    return { value: document?.value ?? {}, at };
  } catch (error) {
    const [, place, text] = /^(\S+:\d+): (.*)$/s.exec(messageOf(error)) ?? [];
    wrong(linesAbove === undefined || !place ? source.at(path) : place, `data: ${text ?? messageOf(error)}`);
    return undefined;
  }
}

/** "veth.peer_if_name" and "ip_addresses[1]" as a path, in the spelling that the author used. */
function pathOf(field: string, value: unknown): Path {
  let here: unknown = value;
  return field
    .split(/[.[\]]+/)
    .filter((part) => part !== "")
    .map((part) => {
      if (Array.isArray(here)) {
        here = here[Number(part)];
        return Number(part);
      }
      const camel = part.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const key = isObject(here) && !Object.hasOwn(here, part) && Object.hasOwn(here, camel) ? camel : part;
      here = isObject(here) ? here[key] : undefined;
      return key;
    });
}

function unknownModel({ module, type, version }: ConfigItem): string {
  const other = knownModels.modelOf(module, type);
  if (other) return `version is ${version}, ${module} ${type} has ${other.spec.version}; write that or leave it out`;
  const known = knownModels.models.map(({ spec }) => `${spec.module} ${spec.type}`);
  const hint = module.startsWith("vpp")
    ? "VPP models need nsm-agent-vpp, which this version has not"
    : meant(`${module} ${type}`, known);
  return `the model ${module.slice(0, 60)} ${type.slice(0, 60)} is unknown; ${hint.replace("fields", "models")}`;
}
