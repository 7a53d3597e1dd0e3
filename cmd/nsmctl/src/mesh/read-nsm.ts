import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { CodedError, isCodedError } from "@nsmkit/core";
import { type Nsm, type Problem, parseNsm } from "@nsmkit/mesh";
import { isObject } from "../lab/documents/object.ts";
import { type Path, readDocuments, type SourceDocument } from "../lab/documents/yaml.ts";

export interface ReadNsm {
  readonly nsm: Nsm;
  readonly source: SourceDocument;
  /** Documents of other kinds in the same file: "Deployment nsm-operator". */
  readonly others: readonly string[];
}

/**
 * The one NSM of a file; "-" is the standard input.
 * @throws CodedError INVALID_CONFIG, each problem on a line that begins with `file:line`; NOT_FOUND without such a file
 */
export async function readNsm(file: string, stdin: NodeJS.ReadableStream): Promise<ReadNsm> {
  const name = file === "-" ? "(standard input)" : file;
  const documents = readDocuments(file === "-" ? await text(stdin) : await readText(file), name);
  const isNsm = ({ value }: SourceDocument): boolean => isObject(value) && value.kind === "NSM";
  const [source, second] = documents.filter(isNsm);
  if (!source) throw new CodedError("INVALID_CONFIG", `${name}: there is no NSM in it; write one with kind: NSM`);
  if (second) {
    throw new CodedError(
      "INVALID_CONFIG",
      `${second.at(["kind"])}: a second NSM; a cluster has one mesh, remove the other`,
    );
  }
  try {
    return { nsm: parseNsm(source.value), source, others: documents.filter((one) => !isNsm(one)).map(nameOf) };
  } catch (cause) {
    if (!isCodedError(cause, "INVALID_CONFIG") || !Array.isArray(cause.details.problems)) throw cause;
    throw problemsError(cause.details.problems as Problem[], source);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new CodedError("NOT_FOUND", `${file} cannot be read; give -f a file, or - for the standard input`, { cause });
  }
}

/** Problems with the line of the file where each is written. */
export function problemsError(problems: readonly Problem[], source: SourceDocument): CodedError {
  return new CodedError("INVALID_CONFIG", problems.map((problem) => located(problem, source)).join("\n"));
}

export const located = ({ field, message }: Problem, source: SourceDocument): string =>
  `${source.atKey(pathOf(field))}: ${message}`;

/** "spec.forwarders[0].type" as steps. */
export function pathOf(field: string): Path {
  const steps = field.match(/[^.[\]]+/g) ?? [];
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function nameOf({ value }: SourceDocument): string {
  if (!isObject(value)) return "a document that is no object";
  const metadata = isObject(value.metadata) ? value.metadata : {};
  return `${String(value.kind)} ${String(metadata.name)}`;
}
