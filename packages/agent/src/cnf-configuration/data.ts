import type { Message } from "@bufbuild/protobuf";
import { type Model, type Problem, parseValue } from "@nsmkit/api/model";
import { isCodedError } from "@nsmkit/core";
import { readYaml, type YamlPath } from "../northbound/files/yaml.ts";
import type { ConfigurationContext } from "./read.ts";

export interface Data {
  readonly value: unknown;
  /** `file:line:column` of a path in it. */
  at(path: YamlPath): string;
}

/** The `data` of an item as plain data; what is wrong with it as such becomes a problem. */
export function readData(
  data: unknown,
  title: string,
  path: YamlPath,
  context: ConfigurationContext,
): Data | undefined {
  return typeof data === "string" ? readText(data, title, path, context) : readObject(data, title, path, context);
}

/** The value of an item from its `data`; each thing that is wrong becomes a problem where it was written. */
export function readValue(
  model: Model,
  data: unknown,
  title: string,
  path: YamlPath,
  context: ConfigurationContext,
): Message | undefined {
  const { problems, at } = context;
  const read = readData(data, title, path, context);
  if (!read) return undefined;
  try {
    return parseValue(model, read.value, { object: title });
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    const list = error.details.problems as readonly Problem[] | undefined;
    if (!list) problems.add(at(path), error.message);
    for (const { field, text } of list ?? []) {
      const what = field === "" ? `the value ${text}` : `field "${field}" ${text}`;
      problems.add(read.at(pathOf(field)), `${String(error.details.object)}: ${what}`);
    }
    return undefined;
  }
}

function readObject(
  data: unknown,
  title: string,
  path: YamlPath,
  { problems, at, textOnly }: ConfigurationContext,
): Data | undefined {
  if (data === undefined || data === null) {
    problems.add(at(path), `${title}: data is missing; write "data: |" and the value below it`);
    return undefined;
  }
  if (textOnly) {
    problems.add(at(path), `${title}: data is no text; write "data: |" before the value`);
    return undefined;
  }
  return { value: data, at: (below) => at([...path, ...below]) };
}

/** YAML inside a text. Positions are those of the file where the text is a literal block, else they count within it. */
function readText(text: string, title: string, path: YamlPath, context: ConfigurationContext): Data | undefined {
  const { problems, at } = context;
  const block = context.blockAt(path);
  try {
    const [document, second] = block
      ? readYaml(text, { name: block.name ?? context.name, block })
      : readYaml(text, { name: `${title} data` });
    if (second) {
      problems.add(
        block ? second.positionOf([]) : at(path),
        `${title}: data holds several documents; write one item for each`,
      );
      return undefined;
    }
    return {
      // Nothing but comments: every field at its default.
      value: document?.value ?? {},
      at: (below) => (document && block ? document.positionOf(below) : at(path)),
    };
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    const [, place, what] = (block && /^(.*?:\d+:\d+): (.*)$/s.exec(error.message)) || [];
    if (place && what) problems.add(place, `${title}: data: ${what}`);
    else problems.add(at(path), error.message);
    return undefined;
  }
}

/** "veth.peer_if_name" and "ip_addresses[1]" as paths. */
function pathOf(field: string): YamlPath {
  return field
    .split(/[.[\]]+/)
    .filter((part) => part !== "")
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
