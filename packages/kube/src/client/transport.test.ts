import assert from "node:assert/strict";
import type { IncomingMessage, RequestListener } from "node:http";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { issue } from "../certificates/issue.ts";
import { configMaps } from "../testing/client-cases.ts";
import { KubeClient } from "./client.ts";

const { serving } = await issue({}, { commonName: "api", dnsNames: ["localhost"] }, Date.now());
const at = { namespace: "default", name: "a" };

/** A server that, as kube-apiserver, would rather speak HTTP/2. */
class Server implements AsyncDisposable {
  readonly versions = new Set<string>();
  readonly #server: Http2SecureServer;

  constructor(answer: RequestListener) {
    const tls = { cert: serving.certificate, key: serving.key, allowHTTP1: true };
    this.#server = createSecureServer(tls, (request, response) => {
      this.versions.add(request.httpVersion);
      answer(request as unknown as IncomingMessage, response as never);
    });
  }

  async client(timeoutMs = 5_000): Promise<KubeClient> {
    if (!this.#server.listening) {
      await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    }
    const { port } = this.#server.address() as AddressInfo;
    const config = {
      server: `https://localhost:${port}`,
      tls: { ca: serving.ca, insecureSkipVerify: false },
      namespace: "default",
      authorization: async () => "Bearer t",
    };
    return new KubeClient(config, { timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The connections of clients are HTTP/1.1 and end with them.
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

test("requests and watches are HTTP/1.1, whatever the server would rather speak", async () => {
  await using server = new Server((_, response) => response.end('{"type":"BOOKMARK","object":{"metadata":{}}}\n'));
  await using client = await server.client();
  await client.get(configMaps, at);
  for await (const _ of client.watch(configMaps, { resourceVersion: "1", signal: AbortSignal.timeout(5_000) })) {
    // It ends by itself.
  }
  assert.deepEqual([...server.versions], ["1.1"]);
});

test("closing amid cancelled requests and open watches throws nothing and leaves nothing", async () => {
  await using server = new Server((request, response) => {
    if (request.url?.includes("watch")) response.write("\n");
    else setTimeout(() => response.end("{}"), 20);
  });
  for (let round = 0; round < 20; round++) {
    await using client = await server.client();
    const stop = new AbortController();
    const watch = async (): Promise<void> => {
      for await (const _ of client.watch(configMaps, { resourceVersion: "1", signal: stop.signal })) {
        // Nothing comes.
      }
    };
    const get = (): Promise<unknown> => client.get(configMaps, at, { signal: stop.signal });
    const ended = Promise.allSettled([watch(), watch(), ...Array.from({ length: 12 }, get)]);
    await new Promise((resolve) => setTimeout(resolve, round * 2));
    if (round % 2 === 0) stop.abort();
    await client.close();
    for (const end of await ended) {
      const code = end.status === "rejected" ? (end.reason as { code?: string }).code : "fulfilled";
      assert.match(code ?? "", /^(ABORTED|CLOSED|UNAVAILABLE|fulfilled)$/);
    }
  }
});

test("it may be closed twice, and says so to whoever asks after", async () => {
  await using server = new Server((_, response) => response.end("{}"));
  const client = await server.client();
  await client.get(configMaps, at);
  await Promise.all([client.close(), client.close()]);
  await client.close();
  await assert.rejects(client.get(configMaps, at), { code: "CLOSED", retryable: false });
  const watch = client.watch(configMaps, { resourceVersion: "1", signal: AbortSignal.timeout(5_000) });
  await assert.rejects(watch.next(), { code: "CLOSED" });
});

test("answers that are under way are waited for when it closes", async () => {
  await using server = new Server((_, response) => void setTimeout(() => response.end('{"data":{"a":"1"}}'), 100));
  const client = await server.client();
  const asked = client.get(configMaps, at);
  await new Promise((resolve) => setTimeout(resolve, 30));
  await client.close();
  assert.deepEqual((await asked).data, { a: "1" });
});

test("a server that does not answer in time is unavailable, and asked anew next time", async () => {
  let silent = true;
  await using server = new Server((_, response) => void (silent || response.end("{}")));
  await using client = await server.client(200);
  await assert.rejects(client.get(configMaps, at), { code: "UNAVAILABLE", retryable: true });
  silent = false;
  assert.deepEqual(await client.get(configMaps, at), {});
});

test("an answer that is cut short, no JSON, or an error page is told apart", async () => {
  const answers: RequestListener[] = [
    (_, response) => void response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy()),
    (_, response) => response.end("<html>"),
    (_, response) => response.writeHead(503, { "retry-after": "7" }).end("<html>busy</html>"),
  ];
  await using server = new Server((request, response) => answers.shift()?.(request, response));
  await using client = await server.client();
  await assert.rejects(client.get(configMaps, at), { code: "UNAVAILABLE" });
  await assert.rejects(client.get(configMaps, at), { code: "PROTOCOL" });
  await assert.rejects(client.get(configMaps, at), {
    code: "UNAVAILABLE",
    details: { status: 503, reason: "", retryAfterMs: 7000 },
  });
});
