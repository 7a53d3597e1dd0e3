import type { IncomingMessage, ServerResponse } from "node:http";
import { CodedError, type ErrorCode, isCodedError, type Logger, messageOf } from "@nsmkit/core";
import type { Admission } from "./admission/admission.ts";
import type { RestResponse, Route } from "./route.ts";
import { Router } from "./router.ts";

export interface HandlerOptions {
  readonly routes: readonly Route[];
  readonly admission: Admission;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  readonly writeMs: number;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  INVALID_CONFIG: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 413,
  UNSUPPORTED: 501,
  UNAVAILABLE: 503,
  CLOSED: 503,
};

/** Answers requests, one at a time. */
export class Handler {
  readonly #options: HandlerOptions;
  readonly #router: Router;
  readonly #stop = new AbortController();

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#router = new Router([...options.admission.routes(), ...options.routes]);
  }

  stop(): void {
    this.#stop.abort();
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    let route: Route | undefined;
    try {
      const url = new URL(request.url ?? "/", "http://agent");
      const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, "") : url.pathname;
      const method = request.method ?? "GET";
      const isListing = path === "/" && (method === "GET" || method === "HEAD");
      const found = isListing ? undefined : this.#find(request, response, method, path);
      route = found?.route;
      this.#options.admission.admit(request, response, route);
      const signal = AbortSignal.any([gone.signal, this.#stop.signal]);
      const reply = found
        ? await found.route.handle({
            query: url.searchParams,
            params: found.params,
            text: () => this.#body(request),
            signal,
          })
        : { body: this.#router.listing };
      this.#send(response, reply, method === "HEAD");
    } catch (error) {
      this.#fail(response, error, route);
    }
  }

  /** Who may not ask at all does not learn which paths there are. */
  #find(request: IncomingMessage, response: ServerResponse, method: string, path: string) {
    try {
      return this.#router.find(method, path);
    } catch (error) {
      this.#options.admission.admit(request, response, undefined);
      throw error;
    }
  }

  async #body(request: IncomingMessage): Promise<string> {
    const { maxBodyBytes } = this.#options;
    const tooLong = new CodedError(
      "RESOURCE_EXHAUSTED",
      `the body has more than ${maxBodyBytes} bytes; send it in parts`,
    );
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity")
      throw new CodedError(
        "INVALID_ARGUMENT",
        `the body is encoded as ${encoding.slice(0, 40)}; send it as it is, without Content-Encoding`,
      );
    if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) throw tooLong;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      size += (chunk as Buffer).length;
      if (size > maxBodyBytes) throw tooLong;
      chunks.push(chunk as Buffer);
    }
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
    } catch {
      throw new CodedError("INVALID_ARGUMENT", "the body is not UTF-8 text");
    }
  }

  #fail(response: ServerResponse, error: unknown, route: Route | undefined): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { code, details } = isCodedError(error) ? error : { code: "INTERNAL" as const, details: {} as never };
    const { allow, retryAfterMs, problems } = details as Record<string, unknown>;
    const isArgument = code === "INVALID_ARGUMENT" && route?.argumentErrorStatus !== undefined;
    const status = isArgument
      ? (route?.argumentErrorStatus ?? 400)
      : typeof retryAfterMs === "number"
        ? 429
        : allow === undefined
          ? (statusOf[code] ?? 500)
          : 405;
    if (status === 500 && !isArgument) this.#options.logger.error("HTTP request failed", { path: route?.path, error });
    if (typeof allow === "string") response.setHeader("allow", allow);
    if (typeof retryAfterMs === "number") response.setHeader("retry-after", String(Math.ceil(retryAfterMs / 1000)));
    if (status === 401) response.setHeader("www-authenticate", this.#options.admission.challenge);
    // What is left of a body that nobody reads is not worth waiting for.
    if (status === 413 || status === 401) response.setHeader("connection", "close");
    const listed = Array.isArray(problems) ? { Problems: problems } : {};
    this.#send(response, { status, body: { Error: messageOf(error), ...listed } }, false);
  }

  #send(response: ServerResponse, reply: RestResponse, headOnly: boolean): void {
    const text = typeof reply.body === "string" ? reply.body : `${JSON.stringify(reply.body, jsonValue, 2)}\n`;
    response.writeHead(reply.status ?? 200, {
      "content-type":
        reply.type ??
        (typeof reply.body === "string" ? "text/plain; charset=utf-8" : "application/json; charset=utf-8"),
      "content-length": Buffer.byteLength(text),
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      ...reply.headers,
    });
    // A client that does not read must not hold an answer for ever.
    const late = setTimeout(() => response.destroy(), this.#options.writeMs);
    late.unref();
    response.once("close", () => clearTimeout(late));
    response.end(headOnly ? undefined : text);
  }
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Map ? Object.fromEntries(value) : value;
}
