import { checkDocuments, type LoadedFiles, loadFiles } from "../documents/load.ts";
import { isObject } from "../documents/object.ts";
import { Problems } from "../documents/problems.ts";
import type { SourceDocument } from "../documents/yaml.ts";
import { type BuiltLab, buildLab } from "../spec/build.ts";

// What reads documents is loaded by the commands that do, and only then.
export { loadFiles } from "../documents/load.ts";

export interface LoadedLab extends BuiltLab {
  readonly sources: readonly SourceDocument[];
}

/** The lab that files describe. @throws CodedError INVALID_CONFIG, NOT_FOUND */
export async function loadLab(paths: readonly string[], name?: string): Promise<LoadedLab> {
  const files = await loadFiles(paths);
  return { ...(await buildFrom(files, name)), sources: files.sources };
}

/** The lab of documents, with the models that they need: those of VPP take as long to load as all the rest. */
export async function buildFrom(files: LoadedFiles, name?: string): Promise<BuiltLab> {
  const models = files.sources.some(namesVpp) ? (await import("@nsmkit/api/model/vpp")).allModels : undefined;
  return buildLab(files, { ...(name === undefined ? {} : { name }), ...(models ? { models } : {}) });
}

function namesVpp({ value }: SourceDocument): boolean {
  const spec = isObject(value) && value.kind === "CNFConfiguration" && isObject(value.spec) ? value.spec : {};
  const items = Array.isArray(spec.configItems) ? spec.configItems : [];
  return items.some((item) => isObject(item) && String(item.module).startsWith("vpp"));
}

/** Documents that are checked by themselves: their lines are known, those of a running lab are not any more. */
export async function loadChecked(paths: readonly string[]): Promise<readonly SourceDocument[]> {
  const { sources } = await loadFiles(paths);
  const problems = new Problems();
  checkDocuments(sources, problems);
  problems.throwIfAny();
  return sources;
}
