import { createSecureContext, type SecureContext } from "node:tls";
import { abortError, backoffDelay, type Clock, CodedError, isCodedError, systemClock } from "@nsmkit/core";
import { Client, type Dispatcher, Pool } from "undici";
import type { ClusterConfig } from "./config.ts";
import { retryAfterMs, statusError } from "./status.ts";

export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path with query, from the server's root. */
  readonly path: string;
  readonly body?: unknown;
  /** Default application/json. */
  readonly contentType?: string;
  /** What is being done, for messages: "get DaemonSet apps/v1 nsm-system/nsmgr". */
  readonly doing: string;
  readonly signal?: AbortSignal;
}

/** A JSON answer above this is a defect or an attack: a page of 500 large objects has a tenth of it. */
const longestBody = 256 << 20;

export interface TransportOptions {
  /** Bound of one request, ms; default 30,000. Streams have none. */
  readonly timeoutMs?: number;
  readonly connections?: number;
  /**
   * How long a stream may bring nothing, ms; default 180,000. An API server sends a bookmark about every minute, so a
   * longer silence means that nobody is there any more, without a word of it: a node that lost its power.
   */
  readonly streamSilenceMs?: number;
  readonly clock?: Clock;
  /** Told of every answer and how long it took; the code is "<error>" when there was none, as client-go counts it. */
  readonly onAnswer?: (method: string, code: string, seconds: number) => void;
}

/**
 * HTTP/1.1 to one API server. Streams have a connection of their own, so that watches never queue behind each other.
 *
 * Not HTTP/2, which undici would agree on by itself: its client takes its listeners from a stream when a request ends or is
 * cancelled, and a session that is destroyed before the kernel has told the stream's end throws from nowhere.
 */
export class Transport {
  readonly server: string;
  readonly #config: ClusterConfig;
  readonly #pool: Pool;
  readonly #streams = new Set<Client>();
  readonly #onAnswer: (method: string, code: string, seconds: number) => void;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  #context: SecureContext | undefined;
  #requests = 0;
  #closing: Promise<void> | undefined;

  constructor(config: ClusterConfig, options: TransportOptions = {}) {
    this.#onAnswer = options.onAnswer ?? (() => {});
    this.#clock = options.clock ?? systemClock;
    this.server = config.server;
    this.#config = config;
    this.#silenceMs = options.streamSilenceMs ?? 180_000;
    const timeout = options.timeoutMs ?? 30_000;
    this.#pool = new Pool(config.server, {
      ...this.#connect(),
      connections: options.connections ?? 8,
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
  }

  /** Requests sent since the start, streams included: what a steady state is judged by. */
  get requests(): number {
    return this.#requests;
  }

  #connect(): { allowH2: false; connect: Record<string, unknown> } {
    const { ca, cert, key, insecureSkipVerify, serverName } = this.#config.tls;
    // One for all connections: every watch has a connection, and a context of its own for each costs half a mebibyte.
    this.#context ??= createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    return {
      allowH2: false,
      connect: {
        timeout: 10_000,
        rejectUnauthorized: !insecureSkipVerify,
        secureContext: this.#context,
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    };
  }

  /**
   * Sends again what the server said it had not begun (429 and 5xx with Retry-After), after the time that it asks for, and
   * what only reads when there was no answer: a pass of many requests would else hardly ever come through a bad network.
   * @returns the parsed JSON body
   * @throws CodedError by the answer's status; UNAVAILABLE when there is none
   */
  async json(request: Request): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request);
      } catch (error) {
        const delayMs = againAfterMs(request, error, attempt);
        if (delayMs === undefined || this.#closing) throw error;
        await this.#clock.sleep(delayMs, request.signal ? { signal: request.signal } : {});
      }
    }
  }

  async #once(request: Request): Promise<unknown> {
    const response = await this.#send(this.#pool, request);
    const { statusCode, headers, body } = response;
    let size = 0;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of body) {
        size += (chunk as Buffer).length;
        if (size > longestBody)
          throw new CodedError(
            "RESOURCE_EXHAUSTED",
            `${request.doing}: the answer is larger than ${longestBody} bytes`,
          );
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      throw failure(request, error);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    const retryAfter = headers["retry-after"];
    if (statusCode >= 400) {
      throw statusError(
        request.doing,
        statusCode,
        parsed(text) ?? { message: text.slice(0, 300) },
        String(retryAfter ?? "") || undefined,
      );
    }
    const value = parsed(text);
    // Something between us and the server answered, or cut the answer short.
    if (value === undefined) {
      throw new CodedError("PROTOCOL", `${request.doing}: the answer is no JSON`, { retryable: true });
    }
    return value;
  }

  /** @returns the lines of the body as they come; ends when the server ends it or the signal is cancelled */
  async *lines(request: Request & { readonly signal: AbortSignal }): AsyncGenerator<string> {
    if (this.#closing) throw closed(request);
    const client = new Client(this.server, {
      ...this.#connect(),
      headersTimeout: 30_000,
      bodyTimeout: this.#silenceMs,
    });
    this.#streams.add(client);
    try {
      const { statusCode, headers, body } = await this.#send(client, request);
      if (statusCode >= 400) {
        const text = await body.text();
        throw statusError(request.doing, statusCode, parsed(text), String(headers["retry-after"] ?? "") || undefined);
      }
      let rest = "";
      body.setEncoding("utf8");
      for await (const chunk of body) {
        const pieces = (rest + String(chunk)).split("\n");
        rest = pieces.pop() ?? "";
        if (rest.length > longestBody)
          throw new CodedError("PROTOCOL", `${request.doing}: a line is larger than ${longestBody} bytes`);
        for (const line of pieces) if (line !== "") yield line;
      }
    } catch (error) {
      throw failure(request, error);
    } finally {
      this.#streams.delete(client);
      await client.destroy();
    }
  }

  /** Ends the streams, waits for the answers that are under way, and refuses what comes after (CLOSED). */
  close(): Promise<void> {
    this.#closing ??= Promise.all([...[...this.#streams].map((client) => client.destroy()), this.#pool.close()]).then(
      () => {},
    );
    return this.#closing;
  }

  async #send(via: Dispatcher, request: Request): Promise<Dispatcher.ResponseData> {
    const authorization = await this.#config.authorization();
    if (this.#closing) throw closed(request);
    this.#requests++;
    const startedMs = performance.now();
    const answered = (code: string): void =>
      this.#onAnswer(request.method, code, (performance.now() - startedMs) / 1000);
    try {
      const response = await via.request({
        method: request.method,
        path: request.path,
        headers: {
          accept: "application/json",
          "user-agent": "nsmkit",
          ...(authorization === undefined ? {} : { authorization }),
          ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: request.signal ?? null,
      });
      answered(String(response.statusCode));
      return response;
    } catch (error) {
      answered("<error>");
      throw this.#closing && !request.signal?.aborted ? closed(request, error) : failure(request, error);
    }
  }
}

/** client-go's limits for answers with Retry-After (rest/with_retry.go); longer waits are the caller's business. */
const mostAsked = 10;
const longestAskedMs = 10_000;
const mostUnanswered = 4;

/** @returns undefined for what is not to be sent again */
function againAfterMs(request: Request, error: unknown, attempt: number): number | undefined {
  if (!isCodedError(error) || request.signal?.aborted) return undefined;
  const asked = retryAfterMs(error);
  const status = Number(error.details.status ?? 0);
  if (asked !== undefined && (status === 429 || status >= 500)) {
    return attempt <= mostAsked && asked <= longestAskedMs ? Math.max(asked, 20) : undefined;
  }
  // Who did not answer in time would be waited for several times over.
  const timedOut = /TIMEOUT/.test(String((error.cause as { code?: unknown } | undefined)?.code));
  if (request.method !== "GET" || error.code !== "UNAVAILABLE" || timedOut || attempt >= mostUnanswered)
    return undefined;
  return backoffDelay(attempt, { initialMs: 50, maxMs: 1_000 });
}

const closed = ({ doing }: Request, cause?: unknown): CodedError =>
  new CodedError("CLOSED", `${doing}: the client is closed`, cause === undefined ? {} : { cause });

function failure(request: Request, error: unknown): CodedError {
  if (isCodedError(error)) return error;
  if (request.signal?.aborted) return abortError(request.signal, request.doing);
  return new CodedError("UNAVAILABLE", `${request.doing}: the API server does not answer`, { cause: error });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
