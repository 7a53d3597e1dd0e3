/**
 * The comments of proto/ that describe messages and fields of models, as a module. Run as a program it writes
 * descriptions.ts; a test compares that with what it would write.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { allModels } from "../../vpp/index.ts";

const root = join(import.meta.dirname, "../../../../../..");

/** The text of descriptions.ts as it should be. */
export async function describeProtos(): Promise<string> {
  return format(await read());
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "../descriptions.ts"), await describeProtos());

async function read(): Promise<Map<string, string>> {
  const files = [...new Set(allModels.models.map(({ schema }) => schema.file))];
  const all = new Set(files);
  for (const file of all) for (const imported of file.dependencies) all.add(imported);
  const sources = [...all].map(({ name }) => `${name}.proto`).filter((name) => !name.startsWith("google/"));
  const directory = await mkdtemp(join(tmpdir(), "nsmkit-descriptions-"));
  try {
    const out = join(directory, "set.bin");
    const protoc = join(dirname(fileURLToPath(import.meta.resolve("protoc/package.json"))), "protoc.cjs");
    const { status, stderr } = spawnSync(
      process.execPath,
      [protoc, "--proto_path=proto", `--descriptor_set_out=${out}`, "--include_source_info", ...sources],
      { cwd: root, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(stderr);
    return describe(await readFile(out));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Comments by the full name of what they stand before. */
function describe(bytes: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of fromBinary(FileDescriptorSetSchema, bytes).file) {
    const comments = new Map(
      (file.sourceCodeInfo?.location ?? []).map(({ path, leadingComments, trailingComments }) => [
        path.join(),
        (leadingComments || trailingComments).trim().replaceAll(/\s+/g, " "),
      ]),
    );
    // Numbers are those of descriptor.proto: a file's messages, a message's fields and its own messages.
    const visit = (message: DescriptorProto, name: string, path: string): void => {
      note(name, path);
      for (const [i, field] of message.field.entries()) note(`${name}.${field.name}`, `${path},2,${i}`);
      for (const [i, inner] of message.nestedType.entries()) visit(inner, `${name}.${inner.name}`, `${path},3,${i}`);
    };
    const note = (name: string, path: string): void => {
      const comment = comments.get(path);
      if (comment) found.set(name, comment);
    };
    for (const [i, message] of file.messageType.entries()) visit(message, `${file.package}.${message.name}`, `4,${i}`);
  }
  return found;
}

function format(found: ReadonlyMap<string, string>): string {
  const lines = [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, comment]) => `  ${JSON.stringify(name)}: ${JSON.stringify(comment)},`);
  return `// Generated from the comments in proto/ by packages/api/src/model/schema/testing/describe.ts. Do not edit.
// biome-ignore format: a table
export const descriptions: Readonly<Record<string, string>> = {
${lines.join("\n")}
};
`;
}
