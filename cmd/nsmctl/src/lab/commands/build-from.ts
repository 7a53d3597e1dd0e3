import { checkDocuments, loadFiles } from "../documents/load.ts";
import { Problems } from "../documents/problems.ts";
import type { SourceDocument } from "../documents/yaml.ts";
import { type BuiltLab, buildLab } from "../spec/build.ts";

// What reads documents is loaded by the commands that do, and only then.
export { loadFiles } from "../documents/load.ts";
export { buildLab } from "../spec/build.ts";

export interface LoadedLab extends BuiltLab {
  readonly sources: readonly SourceDocument[];
}

/** The lab that files describe. @throws CodedError INVALID_CONFIG, NOT_FOUND */
export async function loadLab(paths: readonly string[], name?: string): Promise<LoadedLab> {
  const files = await loadFiles(paths);
  return { ...buildLab(files, name === undefined ? {} : { name }), sources: files.sources };
}

/** Documents that are checked by themselves: their lines are known, those of a running lab are not any more. */
export async function loadChecked(paths: readonly string[]): Promise<readonly SourceDocument[]> {
  const { sources } = await loadFiles(paths);
  const problems = new Problems();
  checkDocuments(sources, problems);
  problems.throwIfAny();
  return sources;
}
