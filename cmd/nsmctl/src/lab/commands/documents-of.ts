import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredDocument } from "../control/protocol.ts";
import { isObject } from "../documents/object.ts";
import { type SourceDocument, withoutPlaces } from "../documents/yaml.ts";
import type { LabPlaces } from "../host/places.ts";

/** The documents that a running lab was made from. Their lines are not known any more, their files are. */
export async function documentsOf(places: LabPlaces): Promise<SourceDocument[]> {
  const text = await readFile(join(places.directory, "documents.json"), "utf8").catch(() => "[]");
  return (JSON.parse(text) as StoredDocument[]).map(({ file, value }) => withoutPlaces(file, value));
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

const workloads = /^(Deployment|ReplicaSet|StatefulSet|DaemonSet)\//;

/**
 * The documents without these objects, and without the checks, links and placements of the Lab document that name their
 * Pods.
 * @returns also what was left out of the Lab document, in words
 */
export function withoutObjects(
  documents: readonly SourceDocument[],
  gone: ReadonlySet<string>,
): { documents: SourceDocument[]; leftOut: string[] } {
  const leftOut: string[] = [];
  const isGone = (pod: unknown): boolean =>
    typeof pod === "string" &&
    (gone.has(`Pod/${pod}`) ||
      [...gone].some((identity) => workloads.test(identity) && pod.startsWith(`${identity.replace(workloads, "")}-`)));
  const kept = documents.filter((document) => !gone.has(identityOf(document)));
  return {
    documents: kept.map((document) =>
      isObject(document.value) && document.value.kind === "Lab" && isObject(document.value.spec)
        ? { ...document, value: { ...document.value, spec: trim(document.value.spec, isGone, leftOut) } }
        : document,
    ),
    leftOut,
  };
}

function trim(
  spec: Record<string, unknown>,
  isGone: (pod: unknown) => boolean,
  leftOut: string[],
): Record<string, unknown> {
  const keep = (what: string, list: unknown, pods: (item: Record<string, unknown>) => unknown[]): unknown =>
    Array.isArray(list)
      ? list.filter((item: unknown, i) => {
          const names = isObject(item) && pods(item).some(isGone);
          if (names) leftOut.push(`${what} ${typeof item.name === "string" ? JSON.stringify(item.name) : i + 1}`);
          return !names;
        })
      : list;
  const ends = (link: Record<string, unknown>): unknown[] =>
    Array.isArray(link.endpoints) ? link.endpoints.map((end: unknown) => (isObject(end) ? end.pod : undefined)) : [];
  const placement = isObject(spec.placement)
    ? Object.fromEntries(Object.entries(spec.placement).filter(([pod]) => !isGone(pod)))
    : spec.placement;
  return {
    ...spec,
    ...("checks" in spec ? { checks: keep("check", spec.checks, (check) => [check.pod]) } : {}),
    ...("links" in spec ? { links: keep("link", spec.links, ends) } : {}),
    ...("placement" in spec ? { placement } : {}),
  };
}
