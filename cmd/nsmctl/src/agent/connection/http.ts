import { request } from "node:http";
import { abortError, CodedError, isCodedError, messageOf } from "@nsmkit/core";
import type { Dialer } from "../../tunnel.ts";

export interface HttpOptions {
  readonly dial: Dialer;
  /** What messages call the place: "127.0.0.1:9191". */
  readonly place: string;
  /** "user:password" */
  readonly basicAuth?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

type Query = Readonly<Record<string, string | undefined>>;

const longestReply = 256 * 1024 * 1024;

/** The HTTP interface of an agent (ligato/vpp-agent plugins/restapi, plugins/kvscheduler/rest.go, cn-infra). */
export class AgentHttp {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  get place(): string {
    return this.#options.place;
  }

  /** Any status but 401 is an answer. @throws CodedError UNAVAILABLE, UNAUTHENTICATED, DEADLINE_EXCEEDED */
  async ask(method: "GET" | "POST" | "PUT", path: string, query: Query = {}, body?: string): Promise<HttpReply> {
    const { place, timeoutMs } = this.#options;
    const limit = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([this.#options.signal, limit]);
    const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const target = given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;
    try {
      const reply = await this.#send(method, target, body, signal);
      if (reply.status === 401)
        throw new CodedError(
          "UNAUTHENTICATED",
          `the agent at ${place} wants a password; give --http-basic-auth user:password (client-basic-auth of its http.conf)`,
        );
      return reply;
    } catch (error) {
      if (signal.aborted)
        throw abortError(signal, `${method} ${path} of the agent at ${place} (${timeoutMs} ms, --timeout)`);
      if (isCodedError(error, "UNAVAILABLE"))
        throw new CodedError("UNAVAILABLE", `no agent answers HTTP: ${error.message}; ${remedy}`);
      throw error;
    }
  }

  /** @throws CodedError as `ask`; UNSUPPORTED where the agent has no such path; UNKNOWN with what it says */
  async text(method: "GET" | "POST" | "PUT", path: string, query: Query = {}, body?: string): Promise<string> {
    const reply = await this.ask(method, path, query, body);
    // Ours explain themselves; those of Ligato have Go's page.
    if (reply.status === 404 && (/no such path/.test(reply.text) || !/"[Ee]rror"/.test(reply.text)))
      throw new CodedError("UNSUPPORTED", `the agent at ${this.place} has no ${method} ${path}`);
    if (reply.status >= 400)
      throw new CodedError(
        reply.status === 404 ? "NOT_FOUND" : reply.status === 400 ? "INVALID_CONFIG" : "UNKNOWN",
        `the agent at ${this.place} answers ${method} ${path} with ${reply.status}: ${errorOf(reply.text)}`,
      );
    return reply.text;
  }

  /** The answer as JSON. @throws CodedError as `text`; PROTOCOL for what is none */
  async json(method: "GET" | "POST" | "PUT", path: string, query: Query = {}, body?: string): Promise<unknown> {
    const text = await this.text(method, path, query, body);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new CodedError(
        "PROTOCOL",
        `the agent at ${this.place} answers ${method} ${path} with no JSON: ${text.slice(0, 60)}`,
        { cause },
      );
    }
  }

  async #send(method: string, path: string, body: string | undefined, signal: AbortSignal): Promise<HttpReply> {
    const socket = await this.#options.dial({ signal });
    const { basicAuth } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
    const fail = (cause: Error): void =>
      reject(new CodedError("UNAVAILABLE", `${this.place}: ${messageOf(cause)}`, { cause }));
    const headers = {
      connection: "close",
      host: "localhost",
      ...(basicAuth ? { authorization: `Basic ${Buffer.from(basicAuth).toString("base64")}` } : {}),
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    };
    // Without node's agent, which would not take a socket of ours.
    const sent = request({ method, path, headers, createConnection: () => socket, signal }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > longestReply) response.destroy(new Error(`the answer is longer than ${longestReply} bytes`));
        chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers["content-type"] ?? "",
          text: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    sent.on("error", fail);
    sent.end(body);
    // One that comes through a lab's supervisor was paused after the supervisor's word.
    socket.resume();
    return promise.finally(() => socket.destroy());
  }
}

const remedy = "is it running there? --host and --http-port say where, --lab and --pod reach into a lab";

function errorOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const error = (value as Record<string, unknown>)?.Error ?? (value as Record<string, unknown>)?.error;
    return typeof error === "string" ? error : typeof value === "string" ? value : text.trim();
  } catch {
    return text.trim().slice(0, 500);
  }
}
