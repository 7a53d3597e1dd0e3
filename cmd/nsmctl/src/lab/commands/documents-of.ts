import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredDocument } from "../control/protocol.ts";
import { isObject } from "../documents/object.ts";
import type { SourceDocument } from "../documents/yaml.ts";
import type { LabPlaces } from "../host/places.ts";

/** The documents that a running lab was made from. Their lines are not known any more, their files are. */
export async function documentsOf(places: LabPlaces): Promise<SourceDocument[]> {
  const text = await readFile(join(places.directory, "documents.json"), "utf8").catch(() => "[]");
  return (JSON.parse(text) as StoredDocument[]).map(({ file, value }) => ({
    file,
    value,
    at: () => file,
    atKey: () => file,
    linesAbove: () => undefined,
  }));
}

/** "Pod/client": what two documents must share to be two versions of one object. */
export function identityOf({ value }: SourceDocument): string {
  const metadata = isObject(value) && isObject(value.metadata) ? value.metadata : {};
  return `${isObject(value) ? String(value.kind) : "?"}/${String(metadata.name)}`;
}

/** The old documents, with those of the same object replaced and the others added. */
export function mergeDocuments(old: readonly SourceDocument[], added: readonly SourceDocument[]): SourceDocument[] {
  const replaced = new Set(added.map(identityOf));
  return [...old.filter((document) => !replaced.has(identityOf(document))), ...added];
}
