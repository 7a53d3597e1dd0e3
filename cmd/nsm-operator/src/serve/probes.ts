import { createServer } from "node:http";
import type { Closable } from "@nsmkit/core";
import { listening } from "@nsmkit/kube/admission";
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
