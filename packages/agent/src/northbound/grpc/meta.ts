import { create, type DescFile } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { MetaService } from "@nsmkit/api/generic";
import { type ModelRegistry, modelDetail } from "@nsmkit/api/model";
import { CodedError } from "@nsmkit/core";
import { bindService, type ServiceBinding } from "@nsmkit/sdk/transport";

/** `ligato.generic.MetaService`: which models there are and how their messages look. */
export function metaService(models: ModelRegistry): ServiceBinding {
  const files = new Map<string, DescFile>();
  for (const { schema } of models.models)
    for (const file of closure(schema.file)) files.set(`${file.name}.proto`, file);
  return bindService(MetaService, {
    async knownModels(request) {
      const known = models.models.filter(({ spec }) => request.class === "" || spec.class === request.class);
      const modules = [...new Set(known.map(({ spec }) => spec.module))];
      return { knownModels: known.map(modelDetail), activeModules: modules };
    },
    async protoFileDescriptor(request) {
      const name = request.fullProtoFileName;
      const file = files.get(name) ?? files.get(`${name}.proto`);
      if (!file) {
        const known = [...files.keys()].sort().join(", ");
        throw new CodedError(
          "NOT_FOUND",
          `no model uses the file ${JSON.stringify(name.slice(0, 120))}; there are ${known}`,
        );
      }
      const imports = closure(file).filter((other) => other !== file);
      return {
        fileDescriptor: file.proto,
        fileImportDescriptors: create(FileDescriptorSetSchema, { file: imports.map((other) => other.proto) }),
      };
    },
  });
}

/** A file and everything it imports, imports first. */
export function closure(file: DescFile, seen: Set<DescFile> = new Set()): DescFile[] {
  for (const dependency of file.dependencies) closure(dependency, seen);
  seen.add(file);
  return [...seen];
}
