import {
  type DescFile,
  type DescMethodBiDiStreaming,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponseSchema,
  ServerReflectionV1alpha,
} from "@nsmkit/api/reflection";
import type { ServiceBinding } from "@nsmkit/sdk/transport";
import { closure } from "./meta.ts";
import { bindService } from "./server/methods.ts";

type Request = MessageShape<typeof ServerReflectionRequestSchema>;
type Response = MessageInitShape<typeof ServerReflectionResponseSchema>;

// google.golang.org/grpc/codes
const notFound = 5;
const unimplemented = 12;

/**
 * gRPC server reflection, v1 and v1alpha (the two differ in their names only), over the services given and everything
 * their messages use. `extra` files can be asked for too: those of the models, which travel inside Any.
 */
export function reflectionServices(
  services: readonly DescService[],
  extra: readonly DescFile[] = [],
): ServiceBinding[] {
  const listed = [...services, ServerReflection, ServerReflectionV1alpha].map((service) => service.typeName).sort();
  const index = new Index([
    ...services.map((service) => service.file),
    ServerReflection.file,
    ServerReflectionV1alpha.file,
    ...extra,
  ]);
  const handlers = {
    async *serverReflectionInfo(requests: AsyncIterable<Request>): AsyncIterable<Response> {
      for await (const request of requests) yield answer(request, listed, index);
    },
  };
  return [
    bindService(
      ServerReflection as { method: { serverReflectionInfo: DescMethodBiDiStreaming } } & DescService,
      handlers as never,
    ),
    bindService(
      ServerReflectionV1alpha as { method: { serverReflectionInfo: DescMethodBiDiStreaming } } & DescService,
      handlers as never,
    ),
  ];
}

function answer(request: Request, services: readonly string[], index: Index): Response {
  const { host, messageRequest: asked } = request;
  const base = { validHost: host, originalRequest: request };
  const error = (errorCode: number, errorMessage: string): Response => ({
    ...base,
    messageResponse: { case: "errorResponse", value: { errorCode, errorMessage } },
  });
  const file = (found: DescFile | undefined, what: string): Response => {
    if (!found) return error(notFound, `${what} is not known`);
    // The file asked for comes first, as grpc-go does it; clients stop at what they know already.
    const files = closure(found).toReversed();
    const fileDescriptorProto = files.map((one) => toBinary(FileDescriptorProtoSchema, one.proto));
    return { ...base, messageResponse: { case: "fileDescriptorResponse", value: { fileDescriptorProto } } };
  };
  switch (asked.case) {
    case "listServices":
      return {
        ...base,
        messageResponse: { case: "listServicesResponse", value: { service: services.map((name) => ({ name })) } },
      };
    case "fileByFilename":
      return file(index.byName.get(asked.value), asked.value);
    case "fileContainingSymbol":
      return file(index.bySymbol.get(asked.value), asked.value);
    default:
      return error(unimplemented, "extensions are not listed");
  }
}

class Index {
  readonly byName = new Map<string, DescFile>();
  readonly bySymbol = new Map<string, DescFile>();

  constructor(files: readonly DescFile[]) {
    for (const file of files.flatMap((one) => closure(one))) {
      this.byName.set(`${file.name}.proto`, file);
      for (const message of file.messages) this.#addMessage(file, message);
      for (const service of file.services) {
        this.bySymbol.set(service.typeName, file);
        for (const method of service.methods) this.bySymbol.set(`${service.typeName}.${method.name}`, file);
      }
      for (const one of [...file.enums, ...file.extensions]) this.bySymbol.set(one.typeName, file);
    }
  }

  #addMessage(file: DescFile, message: DescFile["messages"][number]): void {
    this.bySymbol.set(message.typeName, file);
    for (const nested of message.nestedMessages) this.#addMessage(file, nested);
    for (const one of message.nestedEnums) this.bySymbol.set(one.typeName, file);
  }
}
