import { clone, create } from "@bufbuild/protobuf";
import {
  type Connection,
  ConnectionSchema,
  type Mechanism,
  MechanismSchema,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import {
  backoffDelay,
  type Clock,
  CodedError,
  closeAll,
  isCodedError,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "@nsmkit/core";
import { bounded } from "../chain/bounded.ts";
import { Context } from "../chain/context.ts";
import { Gate } from "../chain/gate.ts";
import { insecureIdentity } from "../identity/index.ts";
import { type ClientChain, clientChain } from "../networkservice/chains/client/client.ts";
import { kernelClient } from "../networkservice/common/mechanisms/kernel/client.ts";
import { ownNetnsUrl } from "../networkservice/common/mechanisms/kernel/server.ts";
import { mechanism, parameter } from "../networkservice/common/mechanisms/types.ts";
import { parseServiceUrl, type ServiceUrl } from "../networkservice/common/serviceurl/service-url.ts";
import { cloneConnection } from "../networkservice/core/connection.ts";
import type { NetworkServiceElement } from "../networkservice/core/kind.ts";
import { type ChannelPool, channelPool } from "../transport/client/pool.ts";
import { dial } from "../transport/index.ts";
import type { Client, ClientConnection, ClientOptions, ConnectOptions } from "./api.ts";
import { OpenConnection } from "./connection.ts";
import { Recovery } from "./recovery.ts";

/** A client of the mesh. Nothing is sent before the first `connect`. */
export function client(options: ClientOptions): Client {
  return new MeshClient(options);
}

/** Closes under way at once when the client ends. */
const closesAtOnce = 64;

class MeshClient implements Client {
  readonly name: string;
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #requestTimeoutMs: number;
  readonly #channels: ChannelPool;
  readonly #chain: ClientChain;
  readonly #recovery: Recovery | undefined;
  /** By id; undefined while the first request is under way. */
  readonly #open = new Map<string, OpenConnection | undefined>();
  readonly #ending = new AbortController();
  readonly #release: () => Promise<void>;
  #count = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    const { clock = systemClock, logger = silentLogger, requestTimeoutMs = 15_000, dialTimeoutMs = 5_000 } = options;
    const name = options.name ?? `client-${crypto.randomUUID()}`;
    const identity = options.identity ?? insecureIdentity({ name, clock });
    const netnsUrl = options.netns === undefined ? ownNetnsUrl : `file://${options.netns}`;
    const { connectTo, livenessCheck, livenessIntervalMs, livenessTimeoutMs } = options;
    this.name = name;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#channels = channelPool({ dial, identity, logger, clock, dialTimeoutMs });
    this.#chain = clientChain({
      ...{ name, identity, connectTo, channels: this.#channels, dialTimeoutMs, clock, logger },
      heal: {
        ...{ livenessCheck, livenessIntervalMs, livenessTimeoutMs, attemptTimeoutMs: requestTimeoutMs },
        down: (connection, reason) => this.#open.get(connection.id)?.down(reason),
        healed: (connection) => this.#open.get(connection.id)?.healed(),
      },
      elements: [this.#observer(), kernelClient({ netnsUrl }), ...(options.elements ?? [])],
    });
    // Only a client that is known by name can have had an earlier life.
    const recovery = { name, connectTo, netnsUrl, channels: this.#channels, livenessCheck, livenessTimeoutMs };
    this.#recovery = options.name === undefined ? undefined : new Recovery({ ...recovery, clock, logger });
    this.#release = () =>
      closeAll([...(options.identity ? [] : [identity]), this.#channels, { close: this.#chain.stop }]);
  }

  get connections(): readonly ClientConnection[] {
    return [...this.#open.values()].filter((each) => each !== undefined);
  }

  async connect(service: string | ServiceUrl, options: ConnectOptions = {}): Promise<ClientConnection> {
    const wanted = typeof service === "string" ? parseServiceUrl(service) : service;
    if (this.#closing) throw new CodedError("CLOSED", `client "${this.name}" was closed`);
    const id = options.id ?? `${this.name}-${this.#count++}`;
    if (this.#open.has(id)) throw new CodedError("ALREADY_EXISTS", `client "${this.name}" has a connection "${id}"`);
    const connection = create(ConnectionSchema, {
      id,
      networkService: wanted.networkService,
      networkServiceEndpointName: options.endpoint ?? "",
      labels: { ...this.#options.labels, ...wanted.labels, ...options.labels },
    });
    if (options.context) connection.context = options.context;
    this.#open.set(id, undefined);
    try {
      const reply = await this.#untilConnected(connection, mechanismsOf(wanted, options), options);
      const opened = new OpenConnection(reply, {
        request: (asked, { signal }) => this.#request(asked, mechanismsOf(wanted, options), signal),
        close: (closing) => this.#close(closing),
      });
      this.#open.set(id, opened);
      return opened;
    } catch (error) {
      this.#open.delete(id);
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #untilConnected(
    connection: Connection,
    mechanisms: readonly Mechanism[],
    { timeoutMs = 15_000, signal }: ConnectOptions,
  ): Promise<Connection> {
    using ends = bounded(this.#clock, Number.POSITIVE_INFINITY, "", [signal, this.#ending.signal]);
    const untilMs = this.#clock.monotonic() + timeoutMs;
    await this.#recovery?.fill(connection, mechanisms, ends.signal);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#request(connection, mechanisms, ends.signal);
      } catch (error) {
        const pauseMs = backoffDelay(attempt, { initialMs: 100, maxMs: 2_000 });
        const late = this.#clock.monotonic() + pauseMs > untilMs;
        if (late || ends.signal.aborted || !mayPass(error)) throw error;
        const reason = messageOf(error);
        this.#logger.info("not connected yet", { connection: connection.id, attempt, reason });
        await this.#clock.sleep(pauseMs, { signal: ends.signal });
      }
    }
  }

  async #request(
    connection: Connection,
    mechanisms: readonly Mechanism[],
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    const doing = `connecting to network service "${connection.networkService}"`;
    using time = bounded(this.#clock, this.#requestTimeoutMs, doing, [signal]);
    const ctx = this.#context(time.signal, time.deadlineMs);
    const request = create(NetworkServiceRequestSchema, {
      connection: cloneConnection(connection),
      mechanismPreferences: mechanisms.map((each) => clone(MechanismSchema, each)),
    });
    return await this.#chain.handler.request(ctx, request);
  }

  async #close(connection: Connection): Promise<void> {
    using time = bounded(this.#clock, this.#requestTimeoutMs, "closing a connection");
    try {
      await this.#chain.handler.close(this.#context(time.signal, time.deadlineMs), connection);
    } catch (error) {
      const reason = messageOf(error);
      this.#logger.warn("a connection was not closed everywhere", { connection: connection.id, reason });
    } finally {
      this.#open.delete(connection.id);
    }
  }

  async #end(): Promise<void> {
    this.#ending.abort(new CodedError("CLOSED", `client "${this.name}" was closed`));
    const gate = new Gate(closesAtOnce);
    await Promise.all(this.connections.map((connection) => gate.run(() => connection.close())));
    await this.#release();
  }

  #context(signal: AbortSignal, deadlineMs: number): Context {
    return new Context({ signal, deadlineMs, clock: this.#clock, logger: this.#logger });
  }

  /** Keeps the application's view up to date with what refresh and heal bring. */
  #observer(): NetworkServiceElement {
    return {
      name: "observer",
      role: "client",
      request: async (ctx, request, next) => {
        const reply = await next.request(ctx, request);
        this.#open.get(reply.id)?.replied(reply);
        return reply;
      },
    };
  }
}

function mechanismsOf(wanted: ServiceUrl, options: ConnectOptions): readonly Mechanism[] {
  const { interfaceName } = wanted;
  const named: Record<string, string> = interfaceName === undefined ? {} : { [parameter.interfaceName]: interfaceName };
  return options.mechanisms ?? [mechanism(wanted.mechanism, named)];
}

const final: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "INVALID_CONFIG",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "UNSUPPORTED",
  "CLOSED",
]);

/** Whether the same request may succeed later: a service, endpoint or forwarder may still come. */
const mayPass = (error: unknown): boolean => !isCodedError(error) || !final.has(error.code);
