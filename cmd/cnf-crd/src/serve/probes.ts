import { createServer } from "node:http";
import type { Closable } from "@nsmkit/core";
import { listening } from "@nsmkit/kube/admission";
import type { Registry } from "prom-client";

export interface ProbesOptions {
  readonly host?: string;
  readonly port: number;
  readonly registry: Registry;
  /** Whether it can do its work, with the reason when not. */
  readonly ready: () => { readonly ok: boolean; readonly reason: string };
}

/** /healthz, /readyz and /metrics over HTTP. @returns the port, when it was free to choose */
export async function serveProbes(options: ProbesOptions): Promise<Closable & { readonly port: number }> {
  const { registry, ready } = options;
  const pages: Readonly<Record<string, () => Promise<{ status: number; type?: string; text: string }>>> = {
    "/healthz": async () => ({ status: 200, text: "ok\n" }),
    "/readyz": async () => {
      const { ok, reason } = ready();
      return { status: ok ? 200 : 503, text: `${reason}\n` };
    },
    "/metrics": async () => ({ status: 200, type: registry.contentType, text: await registry.metrics() }),
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://probe");
    const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
    const send = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    request.resume();
    if (!page) return send(404, `there are ${Object.keys(pages).join(", ")}\n`);
    if (request.method !== "GET" && request.method !== "HEAD") return send(405, "only GET\n");
    page().then(
      ({ status, text, type }) => send(status, text, type),
      () => send(500, "the page could not be made\n"),
    );
  });
  return listening(server, options);
}
