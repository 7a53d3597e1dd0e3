import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { type Closable, CodedError, isCodedError, type Logger, messageOf, silentLogger } from "@nsmkit/core";
import type { WebhookMetrics } from "../metrics/webhook-metrics.ts";
import { listening } from "./listen.ts";
import { type Admission, type AdmissionRequest, parseReview, reviewOf } from "./review.ts";

/** An NSM resource is at most as large as etcd takes: 1.5 MiB, and a review holds the old one too. */
const longestBody = 4 << 20;

/**
 * Decides about one request. What it throws becomes HTTP 500, and the API server goes by the webhook's failurePolicy.
 * @param options.signal cancelled when the API server has hung up, or the server closes
 */
export type Admit = (
  request: AdmissionRequest,
  options: { readonly signal: AbortSignal },
) => Admission | Promise<Admission>;

/** A page for probes, over the same HTTPS. */
export type Page = () => { readonly status: number; readonly text: string };

export interface AdmissionServerOptions {
  /** Default: all addresses. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** By path, "/validate". */
  readonly webhooks: Readonly<Record<string, Admit>>;
  /** By path, "/ready". */
  readonly pages?: Readonly<Record<string, Page>>;
  readonly logger?: Logger;
  /** `KubeMetrics.webhooks`. */
  readonly metrics?: WebhookMetrics;
}

export interface AdmissionServer extends Closable {
  readonly port: number;
  /** Takes effect for the next connection. @throws what Node throws for a certificate and key that do not match */
  use(certificate: { readonly certificate: string; readonly key: string }): void;
}

/** Answers the API server's questions over HTTPS. Until `use` is called no handshake succeeds. */
export async function serveAdmission(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const { webhooks, pages = {}, metrics, logger = silentLogger } = options;
  const stop = new AbortController();
  const server = createServer({ minVersion: "TLSv1.2" }, (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "https://admission");
    const send = (status: number, type: string, text: string): void => {
      if (!response.destroyed) response.writeHead(status, { "content-type": type }).end(text);
    };
    const page = Object.hasOwn(pages, pathname) ? pages[pathname]?.() : undefined;
    if (page && (request.method === "GET" || request.method === "HEAD")) {
      request.resume();
      return send(page.status, "text/plain; charset=utf-8", page.text);
    }
    const admit = Object.hasOwn(webhooks, pathname) ? webhooks[pathname] : undefined;
    if (request.method !== "POST" || !admit) {
      request.resume();
      return send(404, "application/json", JSON.stringify({ message: `POST ${Object.keys(webhooks).join(" or ")}` }));
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([stop.signal, gone.signal]);
    const measured = metrics?.started(pathname);
    answer(request, admit, signal).then(
      (review) => {
        measured?.(200);
        send(200, "application/json", JSON.stringify(review));
      },
      (error: unknown) => {
        const wrong = error instanceof SyntaxError || isCodedError(error, "INVALID_ARGUMENT");
        measured?.(wrong ? 400 : 500);
        logger.warn("a review could not be answered", { path: pathname, reason: messageOf(error) });
        const message = wrong ? messageOf(error) : "the review failed";
        send(wrong ? 400 : 500, "application/json", JSON.stringify({ message }));
      },
    );
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  const open = await listening(server, options);
  const close = async (): Promise<void> => {
    stop.abort();
    await open.close();
  };
  return {
    port: open.port,
    use: ({ certificate, key }) => server.setSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function answer(request: IncomingMessage, admit: Admit, signal: AbortSignal): Promise<unknown> {
  const review = parseReview(JSON.parse(await bodyOf(request)));
  return reviewOf(review, await admit(review, { signal }));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > longestBody) throw new CodedError("INVALID_ARGUMENT", `a review is longer than ${longestBody} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
