import { type BlockPlace, readYaml, unfoldList, type YamlPath } from "@nsmkit/agent/documents";

export type Path = YamlPath;

/** One document of a file, as plain JSON-like data that still knows where each part was written. */
export interface SourceDocument {
  readonly file: string;
  readonly value: unknown;
  /** `file:line:column` of the value at a path, or of the nearest parent that exists. */
  at(path: Path): string;
  /** `file:line:column` of the key that ends the path: where an unknown field is written. */
  atKey(path: Path): string;
  /** Where the text of a literal block (`data: |`) stands; undefined for every other value. */
  blockAt(path: Path): BlockPlace | undefined;
}

/**
 * Reads the YAML (or JSON) documents of one file, as strictly as agents do. Documents without content and `kind: List`
 * wrappers disappear.
 * @throws CodedError INVALID_CONFIG that starts with `file:line:column`
 */
export function readDocuments(text: string, file: string): SourceDocument[] {
  return readYaml(text, { name: file })
    .flatMap(unfoldList)
    .map(({ value, positionOf, keyPositionOf, blockAt }) => ({
      file,
      value,
      at: positionOf,
      atKey: keyPositionOf,
      blockAt,
    }));
}

/** For documents whose text is not known any more: every part of them is at the file. */
export function withoutPlaces(file: string, value: unknown): SourceDocument {
  return { file, value, at: () => file, atKey: () => file, blockAt: () => undefined };
}
