import { createServer, type Server } from "node:http";
import { type Closable, CodedError } from "@nsmkit/core";
import type { Registry } from "prom-client";

export interface ProbesOptions {
  readonly host?: string;
  readonly port: number;
  readonly registry: Registry;
  /** Whether it can do its work, with the reason when not. A follower that stands by is ready. */
  readonly ready: () => { readonly ok: boolean; readonly reason: string };
}

/** /healthz, /readyz and /metrics over HTTP. @returns the port, when it was free to choose */
export async function serveProbes(options: ProbesOptions): Promise<Closable & { readonly port: number }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://probe").pathname;
    const answer = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "only GET\n");
    if (path === "/healthz") return answer(200, "ok\n");
    if (path === "/readyz") {
      const { ok, reason } = options.ready();
      return answer(ok ? 200 : 503, `${reason}\n`);
    }
    if (path !== "/metrics") return answer(404, "there are /healthz, /readyz and /metrics\n");
    options.registry.metrics().then(
      (text) => answer(200, text, options.registry.contentType),
      () => answer(500, "the metrics could not be collected\n"),
    );
  });
  return listening(server, options);
}

/** Listens, and closes without waiting for idle connections. */
export async function listening(
  server: Pick<Server, "once" | "off" | "listen" | "address" | "close" | "closeAllConnections">,
  { host, port }: { readonly host?: string; readonly port: number },
): Promise<Closable & { readonly port: number }> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new CodedError("FAILED_PRECONDITION", `cannot listen on ${host ?? ""}:${port}`, { cause }));
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      resolve();
    });
  });
  const address = server.address();
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: typeof address === "object" && address ? address.port : port, close, [Symbol.asyncDispose]: close };
}
