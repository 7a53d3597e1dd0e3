import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { IPAM, PrefixRequestSchema } from "@nsmkit/api/ipam";
import {
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  type NetworkServiceRequest,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { CodedError, Deferred } from "@nsmkit/core";
import { insecureIdentity } from "../../identity/index.ts";
import type { Server, ServerCall } from "../api.ts";
import { listen } from "../server/listen.ts";
import { bindService } from "../server/service.ts";
import { dial } from "./channel.ts";

const identity = insecureIdentity({ name: "test" });
const { request: method } = NetworkService.method;
const ask = (id = ""): NetworkServiceRequest => create(NetworkServiceRequestSchema, { connection: { id } });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
  );

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-channel-"));
});
after(() => rm(folder, { recursive: true }));
let sockets = 0;
const freshUrl = (): string => `unix://${join(folder, `${sockets++}.sock`)}`;

/** A server whose Request waits until the caller leaves when asked for "wait". */
async function serve(url: string, calls: ServerCall[] = []): Promise<Server> {
  return listen([url], {
    identity,
    services: [
      bindService(NetworkService, {
        async request(request, call) {
          calls.push(call);
          if (request.connection?.id === "wait") await aborted(call.signal);
          return { id: "done" };
        },
        close: async () => ({}),
      }),
      bindService(MonitorConnection, {
        async *monitorConnections(_selector, call) {
          calls.push(call);
          for (let n = 0; !call.signal.aborted; n++)
            yield { connections: { x: { id: "x".repeat(1000), labels: { n: String(n) } } } };
        },
      }),
      bindService(IPAM, {
        async *managePrefixes(requests) {
          for await (const { prefix } of requests) yield { prefix };
        },
      }),
    ],
  });
}

test("a call waits for a server that is just starting, no longer than the dial timeout", async () => {
  const url = freshUrl();
  await using channel = dial(url, { identity, dialTimeoutMs: 200 });
  await assert.rejects(channel.unary(method, ask()), { code: "UNAVAILABLE", message: /is the server running/ });
  await using server = await serve(url);
  assert.equal((await channel.unary(method, ask())).message.id, "done");
  assert.equal(server.urls[0], url);
});

test("ready tells who answered, and fails within the dial timeout when nobody does", async () => {
  const url = freshUrl();
  const server = await serve(url);
  await using channel = dial(url, { identity });
  const peer = await channel.ready({ signal: AbortSignal.timeout(1000) });
  assert.equal(peer.transport, "unix");
  assert.equal(peer.credentials?.pid, process.pid);
  await server.close();
  const mute = net.createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as net.AddressInfo;
  await using deaf = dial(`tcp://127.0.0.1:${port}`, { identity, dialTimeoutMs: 50 });
  const began = performance.now();
  await assert.rejects(deaf.ready({ signal: AbortSignal.timeout(5000) }), { code: "UNAVAILABLE" });
  assert.ok(performance.now() - began < 1000);
  mute.close();
});

test("one caller's impatience does not end the attempt that others wait for", async () => {
  const url = freshUrl();
  await using server = await serve(url);
  await using channel = dial(url, { identity });
  const impatient = channel.ready({ signal: AbortSignal.abort() });
  const patient = channel.ready({ signal: AbortSignal.timeout(5000) });
  await assert.rejects(impatient, { code: "ABORTED" });
  assert.equal((await patient).address, server.urls[0]);
});

test("a channel finds its server again after it was killed and started anew", async () => {
  const url = freshUrl();
  await using channel = dial(url, { identity });
  for (let round = 0; round < 3; round++) {
    const server = await serve(url);
    assert.equal((await channel.unary(method, ask())).message.id, "done");
    const hanging = channel.unary(method, ask("wait"));
    await pause(5);
    await Promise.all([assert.rejects(hanging, { code: "UNAVAILABLE" }), server.destroy()]);
  }
});

test("calls go on without an error while the server is replaced gracefully", async () => {
  let server = await serve("tcp://127.0.0.1:0");
  const [target = ""] = server.urls;
  await using channel = dial(target, { identity });
  let stop = false;
  let done = 0;
  const failures: string[] = [];
  const worker = async (): Promise<void> => {
    while (!stop) {
      await channel.unary(method, ask()).then(
        () => done++,
        (error: CodedError) => failures.push(error.message),
      );
    }
  };
  const workers = [worker(), worker(), worker()];
  for (let round = 0; round < 5; round++) {
    await pause(20);
    await server.close();
    server = await serve(target);
  }
  stop = true;
  await Promise.all(workers);
  await server.close();
  assert.ok(done > 10);
  // Between two servers nobody listens; that is the caller's to retry, and nothing else may go wrong.
  const unexpected = failures.filter((message) => !/^cannot connect to/.test(message));
  assert.deepEqual(unexpected, []);
});

test("a cancelled call ends at once on both sides", async () => {
  const calls: ServerCall[] = [];
  await using server = await serve(freshUrl(), calls);
  await using channel = dial(server.urls[0] ?? "", { identity });
  const controller = new AbortController();
  const call = channel.unary(method, ask("wait"), { signal: controller.signal });
  while (calls.length === 0) await pause(1);
  controller.abort();
  await assert.rejects(call, { code: "ABORTED" });
  await aborted((calls[0] as ServerCall).signal);
});

test("a call that was cancelled before it began is never sent", async () => {
  const calls: ServerCall[] = [];
  await using server = await serve(freshUrl(), calls);
  await using channel = dial(server.urls[0] ?? "", { identity });
  await channel.unary(method, ask());
  await assert.rejects(channel.unary(method, ask(), { signal: AbortSignal.abort() }), { code: "ABORTED" });
  await channel.unary(method, ask());
  assert.equal(calls.length, 2);
});

test("the server knows the deadline, and both sides end at it", async () => {
  const calls: ServerCall[] = [];
  await using server = await serve(freshUrl(), calls);
  await using channel = dial(server.urls[0] ?? "", { identity });
  const began = Date.now();
  await assert.rejects(channel.unary(method, ask("wait"), { timeoutMs: 60 }), { code: "DEADLINE_EXCEEDED" });
  const left = ((calls[0] as ServerCall).deadlineMs ?? 0) - began;
  assert.ok(left >= 55 && left < 1000, `${left} ms`);
  await aborted((calls[0] as ServerCall).signal);
});

test("a watcher that does not read stops the server's stream, and its memory stays small", async () => {
  const calls: ServerCall[] = [];
  await using server = await serve(freshUrl(), calls);
  await using channel = dial(server.urls[0] ?? "", { identity });
  const stream = channel.serverStream(MonitorConnection.method.monitorConnections, create(MonitorScopeSelectorSchema));
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  const before = process.memoryUsage().arrayBuffers;
  await pause(200);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8_000_000);
  assert.equal((await channel.unary(method, ask())).message.id, "done", "other calls are not held up");
  for (let n = 1; n < 2000; n++) {
    const { value } = await iterator.next();
    assert.equal(value?.connections.x?.labels.n, String(n));
  }
  await iterator.return?.();
  await aborted((calls[0] as ServerCall).signal);
});

test("leaving a stream's loop cancels it at the server", async () => {
  const calls: ServerCall[] = [];
  await using server = await serve(freshUrl(), calls);
  await using channel = dial(server.urls[0] ?? "", { identity });
  const stream = channel.serverStream(MonitorConnection.method.monitorConnections, create(MonitorScopeSelectorSchema));
  for await (const _ of stream) break;
  await aborted((calls[0] as ServerCall).signal);
});

test("requests of a stream that fail end the call with their error", async () => {
  await using server = await serve(freshUrl());
  await using channel = dial(server.urls[0] ?? "", { identity });
  const requests = (async function* () {
    yield create(PrefixRequestSchema, { prefix: "10.0.0.0/8" });
    throw new CodedError("RESOURCE_EXHAUSTED", "no more prefixes");
  })();
  const answers = channel.bidiStream(IPAM.method.managePrefixes, requests);
  await assert.rejects(
    async () => {
      for await (const _ of answers);
    },
    { code: "RESOURCE_EXHAUSTED" },
  );
});

test("closing a channel lets unary calls finish, ends its streams, and leaves nothing open", async () => {
  const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
  const release = new Deferred<void>();
  await using server = await listen([freshUrl()], {
    identity,
    services: [
      bindService(NetworkService, {
        async request() {
          await release.promise;
          return { id: "finished" };
        },
        close: async () => ({}),
      }),
      bindService(MonitorConnection, {
        async *monitorConnections(_selector, call) {
          yield {};
          await aborted(call.signal);
        },
      }),
    ],
  });
  const before = await openFiles();
  const channel = dial(server.urls[0] ?? "", { identity });
  const unary = channel.unary(method, ask());
  const stream = (async () => {
    const all = channel.serverStream(MonitorConnection.method.monitorConnections, create(MonitorScopeSelectorSchema));
    for await (const _ of all);
  })();
  await pause(20);
  const closing = channel.close();
  await assert.rejects(stream, { code: "CLOSED" });
  release.resolve();
  assert.equal((await unary).message.id, "finished");
  await closing;
  await assert.rejects(channel.unary(method, ask()), { code: "CLOSED" });
  await assert.rejects(channel.ready({ signal: AbortSignal.timeout(1000) }), { code: "CLOSED" });
  await pause(10);
  assert.equal(await openFiles(), before);
});

test("calls beyond what a server takes on one connection go over further ones", async () => {
  let connections = 0;
  const server = http2.createServer({ settings: { maxConcurrentStreams: 3 } });
  server.on("session", () => connections++);
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.resume();
    setTimeout(() => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(5));
    }, 30);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const channel = dial(`tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`, { identity });
  for (const warm of [false, true]) {
    await Promise.all(Array.from({ length: 20 }, () => channel.unary(method, ask())));
    assert.ok(connections >= 7, `${connections} connections, ${warm ? "warm" : "cold"}`);
  }
  await channel.close();
  server.close();
});

test("a server that closes the connection's new streams by GOAWAY loses no call", async () => {
  let connections = 0;
  const server = http2.createServer();
  server.on("session", () => connections++);
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.resume();
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
    // As a server with a maximum connection age does.
    if (connections < 5) stream.session?.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await using channel = dial(`tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`, { identity });
  for (let n = 0; n < 20; n++) await channel.unary(method, ask());
  assert.ok(connections >= 5);
  server.close();
});

test("a peer that is no gRPC server is named as such", async () => {
  const server = http2.createServer((_request, response) =>
    response.writeHead(404, { "content-type": "text/html" }).end("<html>"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const channel = dial(`tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`, { identity });
  await assert.rejects(channel.unary(method, ask()), { code: "UNSUPPORTED", message: /no gRPC server.*404/ });
  await channel.close();
  server.close();
});

test("metadata that cannot be sent fails the call by name", async () => {
  await using server = await serve(freshUrl());
  await using channel = dial(server.urls[0] ?? "", { identity });
  for (const metadata of [new Map([["Bad", ["x"]]]), async () => new Map([["x", ["\n"]]])]) {
    await assert.rejects(channel.unary(method, ask(), { metadata }), { code: "INVALID_ARGUMENT" });
  }
});

test("a reply may be as large as the channel allows", async () => {
  await using server = await listen([freshUrl()], {
    identity,
    services: [
      bindService(NetworkService, {
        request: async () => ({ id: "x".repeat(5 * 1024 * 1024) }),
        close: async () => ({}),
      }),
    ],
  });
  await using usual = dial(server.urls[0] ?? "", { identity });
  await assert.rejects(usual.unary(method, ask()), { code: "RESOURCE_EXHAUSTED" });
  await using wide = dial(server.urls[0] ?? "", { identity, maxMessageBytes: 8 * 1024 * 1024 });
  assert.equal((await wide.unary(method, ask())).message.id.length, 5 * 1024 * 1024);
});
