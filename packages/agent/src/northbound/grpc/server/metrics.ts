import type { BoundMethod } from "./methods.ts";
import type { Status } from "./status.ts";

const types = { unary: "unary", server_streaming: "server_stream", bidi_streaming: "bidi_stream" } as const;

/** Counters of a gRPC server under the names of github.com/grpc-ecosystem/go-grpc-prometheus. */
export class GrpcMetrics {
  readonly #started = new Map<string, number>();
  readonly #handled = new Map<string, number>();

  started(method: BoundMethod): void {
    count(this.#started, labelsOf(method));
  }

  handled(method: BoundMethod, status: keyof typeof Status): void {
    count(this.#handled, `${labelsOf(method)},grpc_code="${goName(status)}"`);
  }

  /** Exposition format of Prometheus, version 0.0.4. */
  text(): string {
    return [
      ...family("grpc_server_started_total", "RPCs begun on the server.", this.#started),
      ...family("grpc_server_handled_total", "RPCs ended on the server, by code.", this.#handled),
    ].join("");
  }
}

function count(counters: Map<string, number>, labels: string): void {
  counters.set(labels, (counters.get(labels) ?? 0) + 1);
}

function labelsOf({ service, desc }: BoundMethod): string {
  const type = desc.methodKind === "client_streaming" ? "client_stream" : types[desc.methodKind];
  return `grpc_type="${type}",grpc_service="${service}",grpc_method="${desc.name}"`;
}

/** "InvalidArgument": codes.Code.String of google.golang.org/grpc, whose one exception is OK. */
function goName(status: string): string {
  if (status === "OK") return status;
  if (status === "CANCELLED") return "Canceled";
  return status.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function family(name: string, help: string, counters: ReadonlyMap<string, number>): string[] {
  const lines = [...counters].sort().map(([labels, value]) => `${name}{${labels}} ${value}\n`);
  return [`# HELP ${name} ${help}\n`, `# TYPE ${name} counter\n`, ...lines];
}
