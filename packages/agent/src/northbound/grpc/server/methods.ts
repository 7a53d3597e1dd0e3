import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import type { ServerCall, ServiceBinding, ServiceHandlers } from "@nsmkit/sdk/transport";

/** A method with what answers it. */
export interface BoundMethod {
  readonly service: string;
  readonly desc: DescMethod;
  readonly handler: (request: unknown, call: ServerCall) => unknown;
}

/** Joins a service with its handlers. The SDK's binding, without loading the SDK's transport. */
export function bindService<S extends DescService>(service: S, handlers: ServiceHandlers<S>): ServiceBinding {
  return { service, handlers: handlers as Readonly<Record<string, unknown>> };
}

/** Methods by path. @throws CodedError INTERNAL for a method without handler */
export function methodsOf(bindings: readonly ServiceBinding[]): ReadonlyMap<string, BoundMethod> {
  const methods = new Map<string, BoundMethod>();
  for (const { service, handlers } of bindings)
    for (const desc of service.methods) {
      const handler = handlers[desc.localName];
      if (typeof handler !== "function" || desc.methodKind === "client_streaming")
        throw new CodedError("INTERNAL", `nothing answers ${service.typeName}/${desc.name}`);
      methods.set(`/${service.typeName}/${desc.name}`, {
        service: service.typeName,
        desc,
        handler: handler.bind(handlers) as BoundMethod["handler"],
      });
    }
  return methods;
}
