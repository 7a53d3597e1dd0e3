import type { Etcd } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";
import type { CommandIo } from "../../lab/io.ts";
import type { Dialer } from "../../tunnel.ts";
import { readTlsFiles, type TlsFiles, tcpDialer, tlsDialer } from "./dialer.ts";
import type { AgentGrpc } from "./grpc.ts";
import { AgentHttp } from "./http.ts";
import type { TargetOptions } from "./options.ts";

/** Ways to the parts of one agent; each is opened when it is needed and closed with the session. */
export class Session implements AsyncDisposable {
  readonly options: TargetOptions;
  readonly io: CommandIo;
  /** "10.0.0.1", "Pod nat of lab chain": where messages say that the agent is. */
  readonly place: string;
  readonly http: AgentHttp;
  readonly #label: string | undefined;
  readonly #ways: Ways;
  readonly #opened = new AsyncDisposableStack();
  #grpc: Promise<AgentGrpc> | undefined;
  #etcd: Promise<Etcd> | undefined;

  private constructor(options: TargetOptions, io: CommandIo, ways: Ways) {
    this.options = options;
    this.io = io;
    this.place = ways.place;
    this.#label = ways.label;
    this.#ways = ways;
    const { httpPort, timeoutMs, httpBasicAuth } = options;
    this.http = new AgentHttp({
      dial: ways.port(httpPort, ["http/1.1"]),
      place: ways.at(httpPort),
      timeoutMs,
      signal: io.signal,
      ...(httpBasicAuth === undefined ? {} : { basicAuth: httpBasicAuth }),
    });
  }

  /** @throws CodedError NOT_FOUND for a lab, Pod or file that is not there */
  static async open(options: TargetOptions, io: CommandIo): Promise<Session> {
    if (!options.lab) return new Session(options, io, await directWays(options));
    const { labWays } = await import("./lab-ways.ts");
    return new Session(options, io, await labWays(options, io));
  }

  /** @throws CodedError INVALID_ARGUMENT where nobody gave it */
  get label(): string {
    if (this.#label !== undefined) return this.#label;
    throw new CodedError(
      "INVALID_ARGUMENT",
      "whose configuration is meant is not known; give --service-label (env MICROSERVICE_LABEL), or a key that begins with /vnf-agent/<label>/",
    );
  }

  get givenLabel(): string | undefined {
    return this.#label;
  }

  /** Whether anything says where the agent's etcd is. */
  get namesEtcd(): boolean {
    return this.#ways.namesEtcd;
  }

  get signal(): AbortSignal {
    return this.io.signal;
  }

  /** @throws CodedError for which `isGrpcOff` is true where the agent serves none */
  grpc(): Promise<AgentGrpc> {
    const { grpcPort, timeoutMs } = this.options;
    this.#grpc ??= import("./grpc.ts").then(async ({ AgentGrpc }) =>
      this.#opened.use(
        await AgentGrpc.open({
          dial: this.#ways.port(grpcPort, ["h2"]),
          place: this.#ways.at(grpcPort),
          timeoutMs,
          signal: this.signal,
        }),
      ),
    );
    return this.#grpc;
  }

  etcd(): Promise<Etcd> {
    this.#etcd ??= this.#openEtcd();
    return this.#etcd;
  }

  async #openEtcd(): Promise<Etcd> {
    const [{ openEtcd }, { endpoints, tls }] = await Promise.all([
      import("@nsmkit/agent/etcd"),
      this.#ways.etcd(this.#opened, this.signal),
    ]);
    const etcd = openEtcd({
      endpoints,
      operationTimeoutMs: this.options.timeoutMs,
      dialTimeoutMs: Math.min(this.options.timeoutMs, 5000),
      ...(tls ? { tls } : {}),
    });
    return this.#opened.use(etcd);
  }

  /** For people, beside the result. */
  note(text: string): void {
    this.io.stderr.write(`${text}\n`);
  }

  print(text: string): void {
    this.io.stdout.write(text);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}

/** How the parts of an agent are reached. */
export interface Ways {
  readonly place: string;
  readonly label: string | undefined;
  /** Whether anything says where its etcd is. */
  readonly namesEtcd: boolean;
  /** A port as messages name it. */
  at(port: number): string;
  port(port: number, alpn: readonly string[]): Dialer;
  etcd(
    owner: AsyncDisposableStack,
    signal: AbortSignal,
  ): Promise<{ readonly endpoints: readonly string[]; readonly tls?: TlsFiles }>;
}

async function directWays(options: TargetOptions): Promise<Ways> {
  const { host, etcdEndpoints } = options;
  const tls = options.tls && (await readTlsFiles(options.tls));
  return {
    place: host,
    label: options.label,
    namesEtcd: options.etcdGiven,
    at: (port) => `${host}:${port}`,
    port(port, alpn) {
      const plain = tcpDialer(host, port);
      return tls ? tlsDialer(plain, host, tls, alpn) : plain;
    },
    etcd: async () => ({ endpoints: etcdEndpoints, ...(tls ? { tls } : {}) }),
  };
}
