import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { type Closable, CodedError, isCodedError, type Logger, messageOf } from "@nsmkit/core";
import type { Certificate, MeshPort } from "../mesh/port.ts";
import { listening } from "../serve/probes.ts";
import { review } from "./review.ts";

export const path = "/validate";
/** An NSM resource is at most as large as etcd takes: 1.5 MiB, and a review holds the old one too. */
const longestBody = 4 << 20;

export interface AdmissionServer extends Closable {
  readonly port: number;
  /** Takes effect for the next connection. */
  use(certificate: Certificate): void;
}

/** Answers the API server's questions over HTTPS. Until `use` is called no handshake succeeds. */
export async function serveAdmission(
  at: { readonly host?: string; readonly port: number },
  deps: { readonly port: Pick<MeshPort, "read">; readonly logger: Logger },
): Promise<AdmissionServer> {
  const server = createServer({ minVersion: "TLSv1.2" }, (request, response) => {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.method !== "POST" || new URL(request.url ?? "/", "https://admission").pathname !== path) {
      request.resume();
      return send(404, { message: `POST ${path}` });
    }
    bodyOf(request)
      .then(
        (text) => send(200, review(JSON.parse(text), deps.port)),
        (error: unknown) => Promise.reject(error),
      )
      .catch((error: unknown) => {
        deps.logger.warn("a review could not be answered", { reason: messageOf(error) });
        const wrong = error instanceof SyntaxError || isCodedError(error, "INVALID_ARGUMENT");
        send(wrong ? 400 : 500, { message: wrong ? messageOf(error) : "the review failed" });
      });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  const open = await listening(server, at);
  const use = ({ certificate, key }: Certificate): void => server.setSecureContext({ cert: certificate, key });
  return { port: open.port, use, close: open.close, [Symbol.asyncDispose]: open.close };
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
