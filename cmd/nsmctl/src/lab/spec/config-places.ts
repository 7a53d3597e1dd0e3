import { readYaml } from "@nsmkit/agent/documents";
import { isObject } from "../documents/object.ts";
import type { Path, SourceDocument } from "../documents/yaml.ts";

/**
 * Where the fields of an item's data are written, such as "ip_addresses[1]": `file:line:column`, of the data as a whole
 * where the text is no literal block. Text that readers have accepted before.
 */
export function fieldPlaces(source: SourceDocument, path: Path): (field: string) => string {
  const block = source.blockAt(path);
  const data = dataAt(source.value, path);
  return (field) => {
    if (typeof data !== "string") return source.at([...path, ...pathOf(field, data)]);
    const [document] = block ? readYaml(data, { name: source.file, block }) : [];
    return document ? document.positionOf(pathOf(field, document.value)) : source.at(path);
  };
}

function dataAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const step of path)
    here = Array.isArray(here) ? here[Number(step)] : isObject(here) ? here[String(step)] : undefined;
  return here;
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
