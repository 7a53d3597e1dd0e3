import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { CodedError, Deferred } from "@nsmkit/core";
import { insecureIdentity } from "../../identity/index.ts";
import { createTestCa } from "../../testing/ca.ts";
import type { CallResult, ListenOptions, Server } from "../api.ts";
import { dial } from "../client/channel.ts";
import { frameMessage } from "../message.ts";
import { listen } from "./listen.ts";
import { bindService } from "./service.ts";

const identity = insecureIdentity({ name: "test" });
const { request } = NetworkService.method;
const { monitorConnections } = MonitorConnection.method;
const ask = (id = ""): ReturnType<typeof create<typeof NetworkServiceRequestSchema>> =>
  create(NetworkServiceRequestSchema, { connection: { id } });

const entered = new Deferred<void>();
const services = [
  bindService(NetworkService, {
    async request({ connection }, { signal }) {
      if (connection?.id === "leave") entered.resolve();
      if (connection?.id === "leave" || connection?.id === "deaf") await new Promise(() => {});
      if (connection?.id === "wait") await new Promise((_, reject) => signal.addEventListener("abort", reject));
      if (connection?.id === "fail") throw new CodedError("NOT_FOUND", "nothing");
      return {};
    },
    close: async () => ({}),
  }),
  bindService(MonitorConnection, {
    async *monitorConnections() {
      for (let i = 0; i < 3; i++) yield {};
    },
  }),
];
const serve = (options: Partial<ListenOptions> = {}): Promise<Server> =>
  listen(["tcp://127.0.0.1:0"], { identity, services, ...options });
const portOf = (server: Server): number => Number(new URL(server.urls[0] ?? "").port);
const gone = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));

async function connect(server: Server): Promise<net.Socket> {
  const socket = net.connect(portOf(server), "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A client of another make on one connection. */
class Foreign implements AsyncDisposable {
  readonly session: http2.ClientHttp2Session;

  constructor(server: Server) {
    this.session = http2.connect(`http://127.0.0.1:${portOf(server)}`);
    this.session.on("error", () => {});
  }

  /** @returns headers and trailers in one, and as `reset` the code of RST_STREAM */
  async call(
    headers: http2.OutgoingHttpHeaders,
    body = frameMessage(new Uint8Array(0)),
  ): Promise<Record<string, unknown>> {
    const stream = this.session.request({
      ":method": "POST",
      ":path": "/networkservice.NetworkService/Request",
      "content-type": "application/grpc",
      ...headers,
    });
    const got: Record<string, unknown> = {};
    stream.on("response", (part) => Object.assign(got, part));
    stream.on("trailers", (part) => Object.assign(got, part));
    stream.on("error", () => {});
    stream.resume();
    stream.end(body);
    await new Promise<void>((resolve) => stream.once("close", () => resolve()));
    return { ...got, reset: stream.rstCode };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
  }
}

test("a message of just the limit is taken, one byte more is refused with the remedy, and the connection lives", async () => {
  const fits = ask("x".repeat(200));
  const maxMessageBytes = toBinary(NetworkServiceRequestSchema, fits).length;
  await using server = await serve({ maxMessageBytes, maxMessageRemedy: "raise the setting" });
  await using channel = dial(server.urls[0] ?? "", { identity });
  const { peer } = await channel.unary(request, fits);
  await assert.rejects(channel.unary(request, ask("x".repeat(201))), {
    code: "RESOURCE_EXHAUSTED",
    message: `a message of ${maxMessageBytes + 1} bytes is above the limit of ${maxMessageBytes}; raise the setting`,
  });
  await assert.rejects(channel.unary(request, ask("x".repeat(3_000_000))), { code: "RESOURCE_EXHAUSTED" });
  assert.equal((await channel.unary(request, fits)).peer, peer);
});

test("calls beyond the limit of a connection are refused, which the client was told", async () => {
  await using server = await serve({ maxConcurrentStreams: 2 });
  await using client = new Foreign(server);
  const body = frameMessage(toBinary(NetworkServiceRequestSchema, ask("wait")));
  // They leave before the server's settings can be known.
  const timeout = { "grpc-timeout": "200m" };
  const ended = await Promise.all([1, 2, 3, 4].map(() => client.call(timeout, body)));
  assert.deepEqual(
    ended.map(({ reset, "grpc-status": status }) => status ?? reset),
    ["4", "4", http2.constants.NGHTTP2_REFUSED_STREAM, http2.constants.NGHTTP2_REFUSED_STREAM],
  );
  assert.equal(client.session.remoteSettings.maxConcurrentStreams, 2);
  assert.equal((await client.call({}))["grpc-status"], "0");
});

test("our own client waits or takes a further connection when a server allows few calls", async () => {
  await using server = await serve({ maxConcurrentStreams: 1 });
  await using channel = dial(server.urls[0] ?? "", { identity });
  await Promise.all(Array.from({ length: 50 }, () => channel.unary(request, ask())));
});

test("what is compressed is refused with what is taken", async () => {
  await using server = await serve();
  await using client = new Foreign(server);
  const refused = await client.call({ "grpc-encoding": "gzip" });
  assert.equal(refused["grpc-status"], "12");
  assert.equal(refused["grpc-accept-encoding"], "identity");
  assert.match(String(refused["grpc-message"]), /gzip.*uncompressed/);
  const flagged = frameMessage(new Uint8Array(0));
  flagged[0] = 1;
  assert.equal((await client.call({}, flagged))["grpc-status"], "12");
  assert.equal((await client.call({ "grpc-encoding": "identity" }))["grpc-status"], "0");
});

test("what is no gRPC is answered as HTTP does", async () => {
  await using server = await serve();
  await using client = new Foreign(server);
  for (const headers of [{ "content-type": "text/plain" }, { ":method": "PUT" }, { ":path": "/", "content-type": "" }])
    assert.equal((await client.call(headers))[":status"], 415);
  assert.equal((await client.call({ ":path": "/no.Such/Method" }))["grpc-status"], "12");
});

test("the observer learns of each call once, with its code, its messages and its time", async () => {
  const begun: string[] = [];
  const results: (CallResult & { method: string })[] = [];
  const observer: NonNullable<ListenOptions["observer"]> = {
    started: ({ name }) => void begun.push(name),
    ended: ({ name }, result) => void results.push({ ...result, method: name }),
  };
  await using server = await serve({ observer, closeTimeoutMs: 100 });
  await using channel = dial(server.urls[0] ?? "", { identity });
  await channel.unary(request, ask());
  await assert.rejects(channel.unary(request, ask("fail")));
  for await (const _ of channel.serverStream(monitorConnections, create(MonitorScopeSelectorSchema)));
  await using foreign = new Foreign(server);
  const deaf = frameMessage(toBinary(NetworkServiceRequestSchema, ask("deaf")));
  assert.equal((await foreign.call({ "grpc-timeout": "20m" }, deaf))["grpc-status"], "4");
  await foreign.call({ ":path": "/no.Such/Method" });
  const leaving = new AbortController();
  const left = assert.rejects(channel.unary(request, ask("leave"), { signal: leaving.signal }));
  await entered.promise;
  leaving.abort();
  await left;
  await until(() => results.length === 5);
  assert.deepEqual(
    results.map(({ method, status, received, sent }) => [method, status, received, sent]),
    [
      ["Request", "OK", 1, 1],
      ["Request", "NOT_FOUND", 1, 0],
      ["MonitorConnections", "OK", 1, 3],
      ["Request", "DEADLINE_EXCEEDED", 1, 0],
      ["Request", "CANCELLED", 1, 0],
    ],
  );
  assert.deepEqual(
    begun,
    results.map(({ method }) => method),
  );
  const [quick, , , late] = results;
  assert.ok(quick && late && quick.seconds >= 0 && quick.seconds < 1 && late.seconds >= 0.015 && late.seconds < 2);
});

test("who does not begin in time is closed, with and without TLS, and who began may rest", async () => {
  const ca = await createTestCa();
  const { certificate, key } = await ca.issue({ path: "/x", hosts: ["127.0.0.1"] });
  const clientTls = { cert: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }).toString() };
  await using plain = await serve({ handshakeTimeoutMs: 60 });
  await using secure = await serve({ handshakeTimeoutMs: 60, clientTls });
  await using channel = dial(plain.urls[0] ?? "", { identity });
  const { peer } = await channel.unary(request, ask());
  const [silent, half, noTls] = await Promise.all([connect(plain), connect(plain), connect(secure)]);
  half.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  await Promise.all([silent, half, noTls].map(gone));
  assert.equal((await channel.unary(request, ask())).peer, peer);
});

test("connections beyond the limit are closed at once", async () => {
  await using server = await serve({ maxConnections: 2 });
  const kept = [await connect(server), await connect(server)];
  await gone(await connect(server));
  for (const socket of kept) {
    assert.equal(socket.closed, false);
    socket.destroy();
  }
});

test("closing with a time limit waits for calls that end, not for those that do not", async () => {
  for (const [id, grace] of [
    ["wait", 50],
    ["deaf", 50],
  ] as const) {
    const server = await serve({ closeTimeoutMs: grace });
    await using channel = dial(server.urls[0] ?? "", { identity });
    const waiting = assert.rejects(channel.unary(request, ask(id)), {
      code: "UNAVAILABLE",
      message: "the server is closing",
    });
    const idle = await connect(server);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const begunMs = performance.now();
    await server.close();
    await waiting;
    await gone(idle);
    const tookMs = performance.now() - begunMs;
    assert.ok(tookMs >= grace - 5 && tookMs < 5000, `${tookMs} ms`);
  }
  const server = await serve({ closeTimeoutMs: 60_000 });
  const begunMs = performance.now();
  await server.close();
  assert.ok(performance.now() - begunMs < 5000);
});

for (const [name, value] of [
  ["maxConcurrentStreams", 0],
  ["maxMessageBytes", 1.5],
  ["handshakeTimeoutMs", -1],
  ["maxConnections", Number.NaN],
  ["closeTimeoutMs", 2 ** 31],
] as const) {
  test(`${name} ${value} is refused`, async () => {
    await assert.rejects(serve({ [name]: value }), { code: "INVALID_ARGUMENT", message: new RegExp(name) });
  });
}
