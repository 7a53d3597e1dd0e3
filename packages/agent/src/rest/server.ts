import { timingSafeEqual } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import {
  type Closable,
  CodedError,
  type ErrorCode,
  isCodedError,
  type Logger,
  messageOf,
  silentLogger,
} from "@nsmkit/core";
import type { RestResponse, Route } from "./route.ts";

export interface RestServerOptions {
  /** "0.0.0.0:9191", "[::1]:0", or "unix:/path" for a socket of this machine only. */
  readonly endpoint: string;
  readonly routes: readonly Route[];
  readonly logger?: Logger;
  /** Accepted "user:password" pairs; none: everybody may. */
  readonly basicAuth?: readonly string[];
  /** PEM texts; with `clientCas` only clients with a certificate of theirs are served. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCas?: readonly string[] };
  /** Longest body, bytes; default 4 Mi. */
  readonly maxBodyBytes?: number;
}

export interface RestServer extends Closable {
  /** Where it listens, with the real port: "http://0.0.0.0:9191" or "unix:/path". */
  readonly url: string;
}

const limits = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000, maxHeaderSize: 16 * 1024 };
const maxConnections = 256;

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

/** Serves routes over HTTP. @throws CodedError ALREADY_EXISTS when the address is taken, INVALID_CONFIG when it is none */
export async function listenRest(options: RestServerOptions): Promise<RestServer> {
  const handler = new Handler(options);
  const listener = (request: IncomingMessage, response: ServerResponse): void => void handler.serve(request, response);
  const { tls } = options;
  const server: Server = tls
    ? (await import("node:https")).createServer(
        {
          ...limits,
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCas ? { ca: [...tls.clientCas], requestCert: true } : {}),
        },
        listener,
      )
    : createServer(limits, listener);
  server.maxConnections = maxConnections;
  const url = await bind(server, options.endpoint, tls !== undefined);
  server.on("error", (error) => (options.logger ?? silentLogger).error("HTTP server failed", { error }));
  const close = async (): Promise<void> => {
    handler.stop();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), 1000);
    await closed;
    clearTimeout(timer);
  };
  return { url, close, [Symbol.asyncDispose]: close };
}

async function bind(server: Server, endpoint: string, tls: boolean): Promise<string> {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(endpoint)?.[1];
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[^:/]*):(\d{1,5})$/.exec(endpoint) ?? [];
  if (path === undefined && (host === undefined || Number(port) > 65_535))
    throw new CodedError(
      "INVALID_CONFIG",
      `HTTP endpoint is ${JSON.stringify(endpoint)}; write host:port or unix:/path`,
    );
  if (path !== undefined) await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(explain(endpoint, cause)));
    const ready = (): void => {
      server.removeAllListeners("error");
      resolve();
    };
    if (path !== undefined) server.listen({ path }, ready);
    else server.listen({ host: host?.replace(/^\[|\]$/g, "") || "0.0.0.0", port: Number(port) }, ready);
  });
  if (path !== undefined) return `unix:${path}`;
  return `${tls ? "https" : "http"}://${host || "0.0.0.0"}:${(server.address() as AddressInfo).port}`;
}

/** Removes a socket file that nobody listens on any more. */
async function removeStale(path: string): Promise<void> {
  const live = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
  if (!live) await rm(path, { force: true });
}

function explain(endpoint: string, cause: NodeJS.ErrnoException): CodedError {
  if (cause.code === "EADDRINUSE")
    return new CodedError(
      "ALREADY_EXISTS",
      `HTTP endpoint ${endpoint} is taken by another program; set HTTP_PORT or http.conf to a free one`,
      { cause },
    );
  if (cause.code === "EACCES")
    return new CodedError(
      "PERMISSION_DENIED",
      `HTTP endpoint ${endpoint} may not be opened; choose a port of 1024 or more`,
      { cause },
    );
  return new CodedError("INVALID_CONFIG", `HTTP endpoint ${endpoint} cannot be opened: ${cause.message}`, { cause });
}

class Handler {
  readonly #routes: ReadonlyMap<string, ReadonlyMap<string, Route>>;
  readonly #listing: string;
  readonly #logger: Logger;
  readonly #credentials: readonly Buffer[];
  readonly #maxBodyBytes: number;
  readonly #stop = new AbortController();

  constructor(options: RestServerOptions) {
    const byPath = new Map<string, Map<string, Route>>();
    for (const route of options.routes) {
      const methods = byPath.get(route.path) ?? new Map<string, Route>();
      byPath.set(route.path, methods.set(route.method, route));
    }
    this.#routes = byPath;
    this.#listing = options.routes.map(({ method, path, text }) => `${method} ${path}  ${text}\n`).join("");
    this.#logger = options.logger ?? silentLogger;
    this.#credentials = (options.basicAuth ?? []).map((pair) =>
      Buffer.from(`Basic ${Buffer.from(pair).toString("base64")}`),
    );
    this.#maxBodyBytes = options.maxBodyBytes ?? 4 * 1024 * 1024;
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
      this.#admit(request);
      route = this.#routeOf(request.method ?? "GET", url.pathname);
      const signal = AbortSignal.any([gone.signal, this.#stop.signal]);
      const reply = route
        ? await route.handle({ query: url.searchParams, text: () => this.#body(request), signal })
        : { body: this.#listing };
      send(response, reply, request.method === "HEAD");
    } catch (error) {
      this.#fail(response, error, route);
    }
  }

  #admit(request: IncomingMessage): void {
    const given = Buffer.from(request.headers.authorization ?? "");
    if (
      this.#credentials.length > 0 &&
      !this.#credentials.some((one) => one.length === given.length && timingSafeEqual(one, given))
    )
      throw new CodedError("UNAUTHENTICATED", "a user and password of client-basic-auth are needed");
    // A page of another site must not make a browser change this agent.
    const { origin, host } = request.headers;
    if (
      request.method !== "GET" &&
      origin !== undefined &&
      origin !== "null" &&
      URL.canParse(origin) &&
      new URL(origin).host !== host
    )
      throw new CodedError("PERMISSION_DENIED", `requests from pages of ${origin.slice(0, 100)} are not served`);
  }

  /** undefined: the list of routes. */
  #routeOf(method: string, path: string): Route | undefined {
    if (path === "/" && (method === "GET" || method === "HEAD")) return undefined;
    const methods = this.#routes.get(path.length > 1 ? path.replace(/\/$/, "") : path);
    if (!methods) throw new CodedError("NOT_FOUND", `no such path: ${path.slice(0, 200)}; GET / lists them`);
    const route = methods.get(method === "HEAD" ? "GET" : method);
    if (route) return route;
    throw new CodedError("NOT_FOUND", `${path} takes ${[...methods.keys()].join(", ")}, not ${method.slice(0, 20)}`, {
      details: { allow: [...methods.keys()].join(", ") },
    });
  }

  async #body(request: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      size += (chunk as Buffer).length;
      if (size > this.#maxBodyBytes)
        throw new CodedError(
          "RESOURCE_EXHAUSTED",
          `the body has more than ${this.#maxBodyBytes} bytes; send it in parts`,
        );
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
    const code = isCodedError(error) ? error.code : "INTERNAL";
    const allow = isCodedError(error) ? error.details.allow : undefined;
    const isArgument = code === "INVALID_ARGUMENT" && route?.argumentErrorStatus !== undefined;
    const status = isArgument
      ? (route?.argumentErrorStatus ?? 400)
      : allow === undefined
        ? (statusOf[code] ?? 500)
        : 405;
    if (status >= 500 && !isArgument) this.#logger.error("HTTP request failed", { path: route?.path, error });
    if (typeof allow === "string") response.setHeader("allow", allow);
    if (status === 401) response.setHeader("www-authenticate", 'Basic realm="agent"');
    // What is left of a body that was too long is not worth reading.
    if (status === 413) response.setHeader("connection", "close");
    const problems =
      isCodedError(error) && Array.isArray(error.details.problems) ? { Problems: error.details.problems } : {};
    send(response, { status, body: { Error: messageOf(error), ...problems } }, false);
  }
}

function send(response: ServerResponse, reply: RestResponse, headOnly: boolean): void {
  const text = typeof reply.body === "string" ? reply.body : `${JSON.stringify(reply.body, jsonValue, 2)}\n`;
  response.writeHead(reply.status ?? 200, {
    "content-type":
      reply.type ?? (typeof reply.body === "string" ? "text/plain; charset=utf-8" : "application/json; charset=utf-8"),
    "content-length": Buffer.byteLength(text),
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
  response.end(headOnly ? undefined : text);
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Map ? Object.fromEntries(value) : value;
}
