/** The corpus of broken documents: testdata/broken, each as a user would write it. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isCodedError } from "@nsmkit/core";
import type { Problem } from "../crd/nsm.ts";
import { parseNsm } from "../crd/parse.ts";
import { normalise } from "../spec/normalise.ts";
import { readText, readYaml, testdataFolder } from "./documents.ts";

export interface BrokenDocument {
  /** Of the file, without ".yaml". */
  readonly name: string;
  /** The file's first line. */
  readonly title: string;
  readonly document: unknown;
}

export function brokenDocuments(): readonly BrokenDocument[] {
  return readdirSync(join(testdataFolder, "broken"))
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .map((file) => {
      const path = join("broken", file);
      const [first = ""] = readText(path).split("\n");
      return { name: file.replace(/\.yaml$/, ""), title: first.replace(/^# /, ""), document: readYaml(path) };
    });
}

/** What parser and normaliser say about a document: nothing when it is a mesh. */
export function messagesOf(document: unknown): readonly string[] {
  try {
    const normalised = normalise(parseNsm(document));
    return normalised.ok ? [] : normalised.problems.map(({ message }) => message);
  } catch (error) {
    if (!isCodedError(error, "INVALID_CONFIG")) throw error;
    return (error.details.problems as readonly Problem[]).map(({ message }) => message);
  }
}
