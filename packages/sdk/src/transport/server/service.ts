import type { DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { CodedError } from "@nsmkit/core";
import type { ServerCall, ServiceBinding, ServiceHandlers } from "../api.ts";

/** A method as the server calls it; the binding's types were checked by `bindService`. */
export interface BoundMethod {
  readonly path: string;
  readonly desc: DescMethod;
  readonly kind: DescMethod["methodKind"];
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly handler: (request: unknown, call: ServerCall) => unknown;
}

/** Joins a service with its handlers, checked by the compiler. */
export function bindService<S extends DescService>(service: S, handlers: ServiceHandlers<S>): ServiceBinding {
  return { service, handlers: handlers as Readonly<Record<string, unknown>> };
}

/**
 * All methods by their path on the wire.
 * @throws INVALID_ARGUMENT for a missing handler, a handler without a method, a service bound twice, a client-streaming method
 */
export function methodTable(bindings: readonly ServiceBinding[]): ReadonlyMap<string, BoundMethod> {
  const table = new Map<string, BoundMethod>();
  for (const { service, handlers } of bindings) {
    const names = new Set(service.methods.map((method) => method.localName));
    const surplus = Object.keys(handlers).find((name) => !names.has(name));
    if (surplus !== undefined) {
      throw new CodedError("INVALID_ARGUMENT", `service ${service.typeName} has no method ${surplus}`);
    }
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`;
      const handler = handlers[method.localName];
      if (typeof handler !== "function") {
        throw new CodedError("INVALID_ARGUMENT", `service ${service.typeName}: no handler for ${method.localName}`);
      }
      if (method.methodKind === "client_streaming") {
        throw new CodedError("INVALID_ARGUMENT", `${path}: client-streaming methods are not supported`);
      }
      if (table.has(path)) throw new CodedError("INVALID_ARGUMENT", `service ${service.typeName} is bound twice`);
      table.set(path, {
        path,
        desc: method,
        kind: method.methodKind,
        input: method.input,
        output: method.output,
        handler: handler.bind(handlers) as BoundMethod["handler"],
      });
    }
  }
  return table;
}
