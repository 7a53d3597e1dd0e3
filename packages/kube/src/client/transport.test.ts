import assert from "node:assert/strict";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { issue } from "../certificates/issue.ts";
import { configMaps } from "../testing/client-cases.ts";
import { KubeClient } from "./client.ts";
import type { TransportOptions } from "./transport.ts";

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

  async client(timeoutMs = 5_000, more: TransportOptions = {}): Promise<KubeClient> {
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
    return new KubeClient(config, { timeoutMs, ...more });
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

type Answer = (response: ServerResponse) => void;
const cut: Answer = (response) =>
  void response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy());
const hangUp: Answer = (response) => void response.destroy();
const busy =
  (status: number, seconds: string): Answer =>
  (response) =>
    void response.writeHead(status, { "retry-after": seconds }).end("{}");
const good: Answer = (response) => void response.end("{}");

/** Gives these answers one after the other, and counts the requests. */
class Script {
  asked = 0;
  readonly #answers: Answer[];
  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }
  readonly listener: RequestListener = (_, response) => {
    this.asked++;
    this.#answers.shift()?.(response);
  };
}

test("what only reads is sent again when its answer is cut, lost or a failure; what writes is not", async () => {
  for (const [answer, code] of [
    [cut, "UNAVAILABLE"],
    [hangUp, "UNAVAILABLE"],
    [(response: ServerResponse) => void response.writeHead(500).end("{}"), "UNAVAILABLE"],
  ] as const) {
    const reading = new Script(answer, answer, good);
    {
      await using server = new Server(reading.listener);
      await using client = await server.client();
      assert.deepEqual(await client.get(configMaps, at), {});
      assert.equal(reading.asked, 3);
    }
    const writing = new Script(answer, good);
    await using server = new Server(writing.listener);
    await using client = await server.client();
    await assert.rejects(client.mergePatch(configMaps, at, {}), { code });
    assert.equal(writing.asked, 1);
  }
});

test("what the server had not begun is sent again after the time that it asks for, writes too", async () => {
  for (const status of [429, 503]) {
    const script = new Script(busy(status, "1"), good);
    await using server = new Server(script.listener);
    await using client = await server.client();
    const startedMs = performance.now();
    await client.mergePatch(configMaps, at, {});
    assert.equal(script.asked, 2);
    assert.ok(performance.now() - startedMs >= 990);
  }
});

test("nobody is waited for longer than some seconds, nor asked for ever", async () => {
  const script = new Script(busy(503, "3600"), ...Array.from({ length: 20 }, () => busy(429, "0")));
  await using server = new Server(script.listener);
  await using client = await server.client();
  await assert.rejects(client.get(configMaps, at), { details: { status: 503, reason: "", retryAfterMs: 3_600_000 } });
  await assert.rejects(client.get(configMaps, at), { code: "RESOURCE_EXHAUSTED" });
  assert.equal(script.asked, 12);
});

test("an answer that stays no JSON is told apart, and may be asked for again", async () => {
  const html: Answer = (response) => void response.end("<html>");
  const script = new Script(html, html, html, html);
  await using server = new Server(script.listener);
  await using client = await server.client();
  await assert.rejects(client.get(configMaps, at), { code: "PROTOCOL", retryable: true });
});

test("a watch whose server fell silent without a word ends as UNAVAILABLE", async () => {
  await using server = new Server(
    (_, response) => void response.write('{"type":"BOOKMARK","object":{"metadata":{}}}\n'),
  );
  await using client = await server.client(5_000, { streamSilenceMs: 1_000 });
  const { signal } = new AbortController();
  await assert.rejects(
    async () => {
      for await (const _ of client.watch(configMaps, { resourceVersion: "1", signal })) {
        // One bookmark, and then nothing.
      }
    },
    { code: "UNAVAILABLE" },
  );
});
