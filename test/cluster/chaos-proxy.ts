/** A proxy in front of a real API server that does what networks and busy servers do. */
import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { createServer, Agent as HttpsAgent, request as httpsRequest, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { ClusterConfig } from "@nsmkit/kube";
import { issue } from "@nsmkit/kube/certificates";

export interface Proxied {
  readonly method: string;
  readonly path: string;
  /** Changes something, leader elections and reviews of rights apart. */
  readonly write: boolean;
  readonly watch: boolean;
  /** How many writes there were before this request. */
  readonly writesBefore: number;
}

/** What happens to a request instead of, before or after its forwarding. */
export type Fault =
  /** The server is not asked. */
  | { readonly answer: number; readonly retryAfterSeconds?: number; readonly reason?: string }
  /** The answer comes, later. */
  | { readonly delayMs: number }
  /** The connection ends: without asking the server, or when the server has done it and before anybody hears so. */
  | { readonly cut: "before" | "after" }
  /** A watch ends after so many bytes, in the middle of a line if need be. */
  | { readonly cutAfterBytes: number }
  /** An answer that comes in small pieces. */
  | { readonly bytesPerMs: number }
  /** A watch that says after a while that its version is too old. */
  | { readonly expireAfterMs: number };

export class ChaosProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #upstream: ClusterConfig;
  readonly #ca: string;
  readonly #sockets = new Set<Socket>();
  /** Decides about each request; default: nothing happens. */
  fault: (request: Proxied) => Fault | undefined = () => undefined;
  /** Writes so far, and how often a fault came. */
  writes = 0;
  faults = 0;
  /** All that was written, for messages. */
  readonly written: string[] = [];
  /** Rights that were used, as "group resource verb", with a subresource as "nsms/status". */
  readonly rights = new Set<string>();

  private constructor(upstream: ClusterConfig, server: Server, ca: string) {
    this.#upstream = upstream;
    this.#server = server;
    this.#ca = ca;
    const { ca: trusted, serverName } = upstream.tls;
    this.#agent = new HttpsAgent({
      ...{ keepAlive: true, ca: trusted, ...(serverName === undefined ? {} : { servername: serverName }) },
    }) as unknown as Agent;
  }

  static async start(upstream: ClusterConfig): Promise<ChaosProxy> {
    const { serving } = await issue({}, { commonName: "chaos", dnsNames: ["localhost"] }, Date.now());
    const server = createServer({ cert: serving.certificate, key: serving.key });
    const proxy = new ChaosProxy(upstream, server, serving.ca);
    server.on("request", (request, response) => proxy.#handle(request, response));
    server.on("secureConnection", (socket: Socket) => {
      proxy.#sockets.add(socket);
      socket.once("close", () => proxy.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  get ca(): string {
    return this.#ca;
  }

  /** As `upstream`, but through this proxy. */
  config(upstream: ClusterConfig): ClusterConfig {
    return { ...upstream, server: this.url, tls: { ca: this.#ca, insecureSkipVerify: false } };
  }

  /** Cuts every connection at once. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    this.#agent.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url: path = "/" } = request;
    const write = method !== "GET" && !/\/leases|selfsubject|tokenreview/.test(path);
    const watch = /[?&]watch=1/.test(path);
    const right = rightOf(method, path, watch);
    if (right !== undefined) this.rights.add(right);
    // An apply may make the object, which the authorizer asks about then.
    if (right?.endsWith(" patch") && /apply-patch/.test(request.headers["content-type"] ?? "")) {
      this.rights.add(right.replace(/patch$/, "create"));
    }
    const fault = this.fault({ method, path, write, watch, writesBefore: this.writes });
    if (write) {
      this.writes++;
      this.written.push(`${method} ${path}`);
    }
    if (fault) this.faults++;
    if (fault && "answer" in fault) {
      const { answer, retryAfterSeconds, reason = "" } = fault;
      const status = { kind: "Status", apiVersion: "v1", status: "Failure", code: answer, reason, message: "chaos" };
      const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
      request.resume();
      response.writeHead(answer, { "content-type": "application/json", ...headers }).end(JSON.stringify(status));
      return;
    }
    if (fault && "cut" in fault && fault.cut === "before") return void request.socket.destroy();
    this.#forward(request, response, fault);
  }

  #forward(request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const { hostname, port } = new URL(this.#upstream.server);
    const { method, url: path, headers } = request;
    const asked: ClientRequest = httpsRequest(
      {
        hostname,
        port,
        method,
        path,
        headers: { ...headers, host: `${hostname}:${port}` },
        agent: this.#agent as never,
      },
      (answer) => {
        if (fault && "cut" in fault) {
          answer.resume();
          return void request.socket.destroy();
        }
        const delayMs = fault && "delayMs" in fault ? fault.delayMs : 0;
        if (delayMs === 0) return this.#answer(answer, response, fault);
        setTimeout(() => this.#answer(answer, response, fault), delayMs).unref();
      },
    );
    asked.once("error", () => request.socket.destroy());
    response.once("close", () => asked.destroy());
    request.pipe(asked);
  }

  #answer(answer: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    // A watch may have nothing to say for long.
    response.flushHeaders();
    answer.once("error", () => response.destroy());
    if (fault && "cutAfterBytes" in fault) {
      let left = fault.cutAfterBytes;
      answer.on("data", (chunk: Buffer) => {
        response.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) setTimeout(() => response.destroy(), 5).unref();
      });
      answer.once("end", () => {
        if (left > 0) response.end();
      });
      return;
    }
    if (fault && "bytesPerMs" in fault) return void trickle(answer, response, fault.bytesPerMs);
    if (fault && "expireAfterMs" in fault) {
      const object = {
        kind: "Status",
        apiVersion: "v1",
        status: "Failure",
        code: 410,
        reason: "Expired",
        message: "old",
      };
      const line = `${JSON.stringify({ type: "ERROR", object })}\n`;
      setTimeout(() => {
        answer.unpipe(response);
        response.end(line);
      }, fault.expireAfterMs).unref();
    }
    answer.pipe(response);
  }
}

/** What the authorizer is asked for a request (apiserver, pkg/endpoints/request). */
function rightOf(method: string, path: string, watch: boolean): string | undefined {
  const parts = new URL(path, "https://api").pathname.split("/").filter((part) => part !== "");
  const group = parts[0] === "apis" ? (parts[1] ?? "") : "";
  let rest = parts.slice(parts[0] === "apis" ? 3 : 2);
  // A namespace itself is a resource; before anything else its name only says where.
  if (rest[0] === "namespaces" && rest.length > 2) rest = rest.slice(2);
  const [resource, name, subresource] = rest;
  if (resource === undefined) return undefined;
  const reading = watch ? "watch" : name === undefined ? "list" : "get";
  const verbs: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };
  return `${group} ${resource}${subresource === undefined ? "" : `/${subresource}`} ${verbs[method] ?? reading}`;
}

async function trickle(answer: IncomingMessage, response: ServerResponse, bytesPerMs: number): Promise<void> {
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length && !response.destroyed; at += bytesPerMs * 5) {
        response.write(chunk.subarray(at, at + bytesPerMs * 5));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    response.end();
  } catch {
    // Either side hung up.
    response.destroy();
  }
}
