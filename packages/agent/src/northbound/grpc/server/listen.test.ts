import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { Health, HealthCheckRequestSchema, HealthCheckResponseSchema } from "@nsmkit/api/health";
import { CodedError } from "@nsmkit/core";
import { createTestCa } from "@nsmkit/sdk/testing";
import { bindService } from "@nsmkit/sdk/transport";
import fc from "fast-check";
import { pemOf, rootOf } from "../../../testing/pem.ts";
import { type GrpcServerOptions, listenGrpc } from "./listen.ts";
import { GrpcMetrics } from "./metrics.ts";

const services = [
  bindService(Health, {
    async check({ service }, call) {
      if (service === "wait")
        await new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)));
      if (service === "fail") throw new CodedError("NOT_FOUND", "nothing of that näme\n100%");
      if (service === "bug") throw new TypeError("boom");
      call.setHeader("seqnum", "7");
      return { status: 1 };
    },
    async list() {
      return {};
    },
    async *watch({ service }) {
      for (let i = 0; i < Number(service); i++) yield { status: 1 };
    },
  }),
];

const serve = (options: Partial<GrpcServerOptions> = {}) =>
  listenGrpc({ place: { network: "tcp", host: "127.0.0.1", port: 0 }, services, ...options });

/** TLS clients do not name addresses. */
const local = (url: string): string => url.replace("127.0.0.1", "localhost");

/** Another implementation's client. */
class Foreign implements Disposable {
  readonly client: grpc.Client;

  constructor(url: string, credentials = grpc.credentials.createInsecure()) {
    this.client = new grpc.Client(url.replace("tcp://", "").replace("unix://", "unix:"), credentials);
  }

  check(service: string, options: { deadlineMs?: number } = {}): Promise<{ seqnum: string | undefined }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ seqnum: string | undefined }>();
    let seqnum: string | undefined;
    const call = this.client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      (text: string) =>
        Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service: text }))),
      (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
      service,
      new grpc.Metadata(),
      options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
      (error) => (error ? reject(error) : resolve({ seqnum })),
    );
    call.on("metadata", (metadata) => {
      seqnum = metadata.get("seqnum")[0]?.toString();
    });
    return promise;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

test("a client of another implementation gets replies, headers and errors", async () => {
  await using server = await serve();
  using client = new Foreign(server.url);
  assert.deepEqual(await client.check(""), { seqnum: "7" });
  await assert.rejects(client.check("fail"), { code: grpc.status.NOT_FOUND, details: "nothing of that näme\n100%" });
  await assert.rejects(client.check("bug"), { code: grpc.status.UNKNOWN, details: "boom" });
  await assert.rejects(client.check("wait", { deadlineMs: 50 }), { code: grpc.status.DEADLINE_EXCEEDED });
});

test("a long stream arrives whole at a client that reads slowly", async () => {
  await using server = await serve();
  using foreign = new Foreign(server.url);
  const stream = foreign.client.makeServerStreamRequest(
    "/grpc.health.v1.Health/Watch",
    (text: string) =>
      Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service: text }))),
    (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
    "30000",
  );
  let count = 0;
  for await (const _ of stream) if (++count % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(count, 30_000);
});

test("a request above max-msg-size is refused with the setting's name, one below it is not", async () => {
  await using server = await serve({ maxMessageBytes: 1000 });
  using client = new Foreign(server.url);
  await client.check("x".repeat(900));
  await assert.rejects(client.check("x".repeat(200_000)), {
    code: grpc.status.RESOURCE_EXHAUSTED,
    details: /above the limit of 1000; raise max-msg-size in grpc\.conf/,
  });
  await client.check("");
});

test("limits as large as Go's largest numbers are taken", async () => {
  await using server = await serve({ maxMessageBytes: 2 ** 32 - 1, maxConcurrentStreams: 2 ** 32 - 1 });
  using client = new Foreign(server.url);
  await client.check("x".repeat(5_000_000));
});

test("more calls than max-concurrent-streams wait for their turn", async () => {
  await using server = await serve({ maxConcurrentStreams: 2 });
  const session = connectHttp2(server.url.replace("tcp", "http"));
  try {
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    assert.equal(session.remoteSettings.maxConcurrentStreams, 2);
  } finally {
    session.destroy();
  }
});

test("with TLS only clients that trust the server's certificate are connected", async () => {
  const [ca, other] = [await createTestCa(), await createTestCa({ trustDomain: "other" })];
  await using server = await serve({ tls: await pemOf(ca, "/agent") });
  using client = new Foreign(local(server.url), grpc.credentials.createSsl(Buffer.from(rootOf(ca))));
  await client.check("");
  for (const credentials of [
    grpc.credentials.createSsl(Buffer.from(rootOf(other))),
    grpc.credentials.createInsecure(),
  ]) {
    using stranger = new Foreign(local(server.url), credentials);
    await assert.rejects(stranger.check("", { deadlineMs: 3000 }), { code: grpc.status.UNAVAILABLE });
  }
});

test("with ca-files a client needs a certificate of one of them", async () => {
  const [ca, other] = [await createTestCa(), await createTestCa({ trustDomain: "other" })];
  await using server = await serve({ tls: { ...(await pemOf(ca, "/agent")), clientCas: [rootOf(ca)] } });
  const as = async (issuer: typeof ca) => {
    const { cert, key } = await pemOf(issuer, "/client");
    return grpc.credentials.createSsl(Buffer.from(rootOf(ca)), Buffer.from(key), Buffer.from(cert));
  };
  using known = new Foreign(local(server.url), await as(ca));
  await known.check("");
  for (const credentials of [await as(other), grpc.credentials.createSsl(Buffer.from(rootOf(ca)))]) {
    using stranger = new Foreign(local(server.url), credentials);
    await assert.rejects(stranger.check("", { deadlineMs: 3000 }), { code: grpc.status.UNAVAILABLE });
  }
});

test("a unix socket gets its mode, and takes the place of one that was left behind, but not of another program", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nsm-grpc-"));
  try {
    const path = join(directory, "below", "agent.sock");
    const place = { network: "unix", path, mode: 0o660 } as const;
    for (let i = 0; i < 2; i++) {
      await using server = await serve({ place });
      assert.equal((await stat(path)).mode & 0o777, 0o660);
      using client = new Foreign(server.url);
      await client.check("");
    }
    await using other = createServer();
    await new Promise<void>((resolve) => other.listen({ path }, resolve));
    await assert.rejects(serve({ place }), {
      code: "ALREADY_EXISTS",
      message: /served by another program.*force-socket-removal/,
    });
    await using server = await serve({ place: { ...place, takeOver: true } });
    using client = new Foreign(server.url);
    await client.check("");
    await writeFile(join(directory, "file"), "");
    await assert.rejects(serve({ place: { ...place, path: join(directory, "file") } }), { code: "INVALID_CONFIG" });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("tcp6 serves IPv6 alone, tcp4 and tcp without a host every address", async (t) => {
  const six = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === "::1");
  for (const [network, host, served, url] of [
    ["tcp", "", six ? ["127.0.0.1", "[::1]"] : ["127.0.0.1"], /^tcp:\/\/:\d+$/],
    ["tcp4", "", ["127.0.0.1"], /^tcp:\/\/0\.0\.0\.0:\d+$/],
    ["tcp6", "", ["[::1]"], /^tcp:\/\/\[::\]:\d+$/],
    ["tcp6", "[::1]", ["[::1]"], /^tcp:\/\/\[::1\]:\d+$/],
  ] as const) {
    if (network === "tcp6" && !six) {
      t.diagnostic("this machine has no IPv6");
      continue;
    }
    await using server = await serve({ place: { network, host, port: 0 } });
    assert.match(server.url, url);
    const port = /\d+$/.exec(server.url)?.[0];
    for (const address of ["127.0.0.1", "[::1]"]) {
      using client = new Foreign(`tcp://${address}:${port}`);
      const answer = client.check("", { deadlineMs: 3000 });
      if ((served as readonly string[]).includes(address)) await answer;
      else await assert.rejects(answer, { code: grpc.status.UNAVAILABLE });
    }
  }
});

test("a place that cannot be is told as a setting that is wrong", async () => {
  for (const place of [
    { network: "tcp", host: "192.0.2.1", port: 1 },
    { network: "unix", path: `/${"x".repeat(200)}` },
  ] as const)
    await assert.rejects(serve({ place }), { code: "INVALID_CONFIG", message: /^gRPC endpoint .* cannot be opened: / });
});

test("a taken port is told with the settings to change", async () => {
  await using server = await serve();
  const port = Number(new URL(server.url.replace("tcp", "http")).port);
  await assert.rejects(serve({ place: { network: "tcp4", host: "127.0.0.1", port } }), {
    code: "ALREADY_EXISTS",
    message: `gRPC endpoint tcp://127.0.0.1:${port} is taken by another program; set GRPC_PORT or grpc.conf to a free one`,
  });
});

test("calls are counted by method and code", async () => {
  const metrics = new GrpcMetrics();
  await using server = await serve({ metrics });
  using client = new Foreign(server.url);
  await client.check("");
  await assert.rejects(client.check("fail"));
  const labels = 'grpc_type="unary",grpc_service="grpc.health.v1.Health",grpc_method="Check"';
  assert.ok(metrics.text().includes(`grpc_server_started_total{${labels}} 2\n`));
  assert.ok(metrics.text().includes(`grpc_server_handled_total{${labels},grpc_code="NotFound"} 1\n`));
  assert.ok(metrics.text().includes(`grpc_server_handled_total{${labels},grpc_code="OK"} 1\n`));
  assert.ok(metrics.text().includes(`grpc_server_handling_seconds_bucket{${labels},le="+Inf"} 2\n`));
  assert.ok(metrics.text().includes(`grpc_server_msg_received_total{${labels}} 2\n`));
  assert.ok(metrics.text().includes(`grpc_server_msg_sent_total{${labels}} 1\n`));
});

test("closing ends calls that wait, and connections that do nothing", async () => {
  const server = await serve();
  using client = new Foreign(server.url);
  await client.check("");
  const waiting = assert.rejects(client.check("wait"), { code: grpc.status.UNAVAILABLE });
  const idle = connect(Number(new URL(server.url.replace("tcp", "http")).port), "127.0.0.1");
  idle.on("error", () => {});
  await new Promise((resolve) => idle.once("connect", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await server.close();
  await waiting;
  idle.destroy();
});

test("a connection that never begins to speak is closed, one that does may rest", async () => {
  await using server = await serve({ handshakeTimeoutMs: 50 });
  const port = Number(new URL(server.url.replace("tcp", "http")).port);
  const silent = connect(port, "127.0.0.1");
  silent.on("error", () => {});
  silent.resume();
  await new Promise((resolve) => silent.once("close", resolve));
  using client = new Foreign(server.url);
  await client.check("");
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.deepEqual(await client.check(""), { seqnum: "7" });
});

test("whatever a client sends, the next one is served", async () => {
  await using server = await serve();
  const url = server.url.replace("tcp", "http");
  const request = (headers: Record<string, string>, body: Uint8Array) =>
    new Promise<void>((resolve) => {
      const session = connectHttp2(url);
      session.on("error", () => {});
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        ...headers,
      });
      stream.on("error", () => {});
      stream.on("close", () => {
        session.destroy();
        resolve();
      });
      stream.resume();
      stream.end(body);
    });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.constant({}),
        fc.record({ "grpc-timeout": fc.string({ unit: "grapheme-ascii" }) }),
        fc.record({ "content-type": fc.constantFrom("text/plain", "application/grpc+json") }),
        fc.record({ ":path": fc.webPath().map((path) => path || "/") }),
        fc.constant({ "grpc-encoding": "gzip" }),
        fc.constant({ ":method": "GET" }),
      ),
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.from([0, 0, 0, 0, bytes.length, ...bytes])),
      ),
      (headers, body) =>
        request(Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value).trim()])), body),
    ),
    { numRuns: 80 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", () => {});
      socket.end(bytes);
      socket.resume();
      await new Promise((resolve) => socket.once("close", resolve));
    }),
    { numRuns: 40 },
  );
  using client = new Foreign(server.url);
  assert.deepEqual(await client.check(""), { seqnum: "7" });
});
