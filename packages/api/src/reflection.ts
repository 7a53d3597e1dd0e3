// gRPC server reflection: packages grpc.reflection.v1 and, with the suffix V1alpha, grpc.reflection.v1alpha.
export type {
  ErrorResponse,
  ExtensionNumberResponse,
  ExtensionRequest,
  FileDescriptorResponse,
  ListServiceResponse,
  ServerReflectionRequest,
  ServerReflectionResponse,
  ServiceResponse,
} from "./gen/grpc/reflection/v1/reflection_pb.js";
export {
  ErrorResponseSchema,
  ExtensionNumberResponseSchema,
  ExtensionRequestSchema,
  FileDescriptorResponseSchema,
  ListServiceResponseSchema,
  ServerReflection,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
  ServiceResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.js";
export type {
  ErrorResponse as ErrorResponseV1alpha,
  ExtensionNumberResponse as ExtensionNumberResponseV1alpha,
  ExtensionRequest as ExtensionRequestV1alpha,
  FileDescriptorResponse as FileDescriptorResponseV1alpha,
  ListServiceResponse as ListServiceResponseV1alpha,
  ServerReflectionRequest as ServerReflectionRequestV1alpha,
  ServerReflectionResponse as ServerReflectionResponseV1alpha,
  ServiceResponse as ServiceResponseV1alpha,
} from "./gen/grpc/reflection/v1alpha/reflection_pb.js";
export {
  ErrorResponseSchema as ErrorResponseV1alphaSchema,
  ExtensionNumberResponseSchema as ExtensionNumberResponseV1alphaSchema,
  ExtensionRequestSchema as ExtensionRequestV1alphaSchema,
  FileDescriptorResponseSchema as FileDescriptorResponseV1alphaSchema,
  ListServiceResponseSchema as ListServiceResponseV1alphaSchema,
  ServerReflection as ServerReflectionV1alpha,
  ServerReflectionRequestSchema as ServerReflectionRequestV1alphaSchema,
  ServerReflectionResponseSchema as ServerReflectionResponseV1alphaSchema,
  ServiceResponseSchema as ServiceResponseV1alphaSchema,
} from "./gen/grpc/reflection/v1alpha/reflection_pb.js";
