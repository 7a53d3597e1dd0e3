import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { stdin } from "node:process";
import { addAbortSignal } from "node:stream";
import { buffer } from "node:stream/consumers";
import { CodedError, messageOf } from "@nsmkit/core";

export interface TextFile {
  /** As messages show it. */
  readonly name: string;
  readonly text: string;
}

const extensions = new Set([".yaml", ".yml", ".json"]);

/**
 * The texts of files and, for folders, of the YAML and JSON files directly in them; "-" is the standard input.
 * @throws CodedError NOT_FOUND, INVALID_CONFIG
 */
export async function readFiles(
  paths: readonly string[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<TextFile[]> {
  const names = (await Promise.all(paths.map(filesOf))).flat();
  // A file that is named twice, perhaps once by its folder, is one file.
  return Promise.all([...new Set(names)].map((name) => readText(name, signal)));
}

async function filesOf(path: string): Promise<string[]> {
  if (path === "-") return [path];
  const info = await stat(path).catch((cause: unknown) => {
    throw new CodedError("NOT_FOUND", `${path}: ${messageOf(cause)}; name a file or folder with Kubernetes YAML`);
  });
  if (!info.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => extensions.has(extname(name))).sort();
  if (names.length === 0) throw new CodedError("NOT_FOUND", `${path}: no *.yaml, *.yml or *.json file in this folder`);
  return names.map((name) => join(path, name));
}

async function readText(path: string, signal: AbortSignal | undefined): Promise<TextFile> {
  const name = path === "-" ? "stdin" : path;
  const bytes = await (path === "-"
    ? buffer(signal ? addAbortSignal(signal, stdin) : stdin)
    : readFile(path, signal ? { signal } : {}));
  try {
    return { name, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `${name}: is not UTF-8 text`, { cause });
  }
}
