import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type DescEnum, type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponseSchema,
  ServerReflectionV1alpha,
} from "@nsmkit/api/reflection";
import type { ServiceBinding } from "../api.ts";
import { GrpcStatus } from "../status.ts";
import { bindService } from "./service.ts";

type Request = MessageShape<typeof ServerReflectionRequestSchema>;
type Answer = MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"];

/**
 * gRPC server reflection (grpc/grpc doc/server-reflection.md), v1 and v1alpha, so that tools can call a server without
 * its .proto files.
 * @param services what the server serves; the two reflection services are added
 * @param extra further files that may be asked for, such as those of messages inside Any
 */
export function reflectionServices(
  services: readonly DescService[],
  extra: readonly DescFile[] = [],
): ServiceBinding[] {
  const listed = [...services, ServerReflection, ServerReflectionV1alpha];
  const catalogue = catalogueOf([...listed.map(({ file }) => file), ...extra]);
  const names = listed.map(({ typeName }) => typeName).sort();
  const handlers = {
    async *serverReflectionInfo(requests: AsyncIterable<Request>) {
      for await (const request of requests) {
        const { host, messageRequest } = request;
        yield { validHost: host, originalRequest: request, messageResponse: answer(messageRequest, names, catalogue) };
      }
    },
  };
  // The two versions have the same messages under other names.
  const alpha = { service: ServerReflectionV1alpha, handlers };
  return [bindService(ServerReflection, handlers), alpha];
}

interface Catalogue {
  readonly byName: ReadonlyMap<string, DescFile>;
  readonly bySymbol: ReadonlyMap<string, DescFile>;
}

function answer(asked: Request["messageRequest"], names: readonly string[], { byName, bySymbol }: Catalogue): Answer {
  switch (asked.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: names.map((name) => ({ name })) } };
    case "fileByFilename":
      return fileAnswer(byName.get(asked.value), `file ${asked.value}`);
    case "fileContainingSymbol":
      return fileAnswer(bySymbol.get(asked.value), `symbol ${asked.value}`);
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return error(GrpcStatus.UNIMPLEMENTED, "extensions are not listed here");
    default:
      return error(GrpcStatus.INVALID_ARGUMENT, "the request asks for nothing");
  }
}

const error = (errorCode: number, errorMessage: string): Answer => ({
  case: "errorResponse",
  value: { errorCode, errorMessage },
});

/** The file asked for first, then all that it imports: a client needs them to make sense of it. */
function fileAnswer(file: DescFile | undefined, what: string): Answer {
  if (!file) return error(GrpcStatus.NOT_FOUND, `${what} is not known here`);
  const fileDescriptorProto = withImports([file]).map((one) => toBinary(FileDescriptorProtoSchema, one.proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function withImports(files: readonly DescFile[]): DescFile[] {
  const all = new Set<DescFile>(files);
  for (const file of all) for (const imported of file.dependencies) all.add(imported);
  return [...all];
}

function catalogueOf(files: readonly DescFile[]): Catalogue {
  const byName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  const take = (file: DescFile, types: readonly (DescMessage | DescEnum)[]): void => {
    for (const type of types) {
      bySymbol.set(type.typeName, file);
      if (type.kind === "message") take(file, [...type.nestedMessages, ...type.nestedEnums]);
    }
  };
  for (const file of withImports(files)) {
    byName.set(`${file.name}.proto`, file);
    take(file, [...file.messages, ...file.enums]);
    for (const service of file.services) {
      bySymbol.set(service.typeName, file);
      for (const method of service.methods) bySymbol.set(`${service.typeName}.${method.name}`, file);
    }
    for (const extension of file.extensions) bySymbol.set(extension.typeName, file);
  }
  return { byName, bySymbol };
}
