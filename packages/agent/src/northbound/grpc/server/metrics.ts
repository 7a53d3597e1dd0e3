import type { DescMethod } from "@bufbuild/protobuf";
import type { CallObserver, CallResult } from "@nsmkit/sdk/transport";

const types = {
  unary: "unary",
  server_streaming: "server_stream",
  client_streaming: "client_stream",
  bidi_streaming: "bidi_stream",
} as const;

/** prometheus.DefBuckets, s. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counters of a gRPC server under the names of github.com/grpc-ecosystem/go-grpc-prometheus. */
export class GrpcMetrics implements CallObserver {
  readonly #started = new Map<string, number>();
  readonly #handled = new Map<string, number>();
  readonly #received = new Map<string, number>();
  readonly #sent = new Map<string, number>();
  readonly #times = new Map<string, { counts: number[]; sum: number; count: number }>();

  started(method: DescMethod): void {
    count(this.#started, labelsOf(method));
  }

  ended(method: DescMethod, { status, seconds, received, sent }: CallResult): void {
    const labels = labelsOf(method);
    count(this.#handled, `${labels},grpc_code="${goName(status)}"`);
    count(this.#received, labels, received);
    count(this.#sent, labels, sent);
    const times = this.#times.get(labels) ?? { counts: buckets.map(() => 0), sum: 0, count: 0 };
    for (const [i, bound] of buckets.entries()) if (seconds <= bound) times.counts[i] = (times.counts[i] ?? 0) + 1;
    this.#times.set(labels, { counts: times.counts, sum: times.sum + seconds, count: times.count + 1 });
  }

  /** Exposition format of Prometheus, version 0.0.4. */
  text(): string {
    return [
      ...family("grpc_server_started_total", "RPCs begun on the server.", this.#started),
      ...family("grpc_server_handled_total", "RPCs ended on the server, by code.", this.#handled),
      ...family("grpc_server_msg_received_total", "Messages of RPCs that ended, received.", this.#received),
      ...family("grpc_server_msg_sent_total", "Messages of RPCs that ended, sent.", this.#sent),
      ...this.#histogram("grpc_server_handling_seconds", "Time that RPCs took on the server."),
    ].join("");
  }

  #histogram(name: string, help: string): string[] {
    const lines = [...this.#times]
      .sort()
      .flatMap(([labels, { counts, sum, count: all }]) => [
        ...buckets.map((bound, i) => `${name}_bucket{${labels},le="${bound}"} ${counts[i]}\n`),
        `${name}_bucket{${labels},le="+Inf"} ${all}\n`,
        `${name}_sum{${labels}} ${sum}\n`,
        `${name}_count{${labels}} ${all}\n`,
      ]);
    return [`# HELP ${name} ${help}\n`, `# TYPE ${name} histogram\n`, ...lines];
  }
}

function count(counters: Map<string, number>, labels: string, more = 1): void {
  counters.set(labels, (counters.get(labels) ?? 0) + more);
}

function labelsOf({ methodKind, parent, name }: DescMethod): string {
  return `grpc_type="${types[methodKind]}",grpc_service="${parent.typeName}",grpc_method="${name}"`;
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
