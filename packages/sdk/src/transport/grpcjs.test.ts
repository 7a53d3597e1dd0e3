// The transport against another implementation of gRPC in both roles: grpc-js, which speaks through Node's nghttp2.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { IPAM, PrefixRequestSchema, PrefixResponseSchema } from "@nsmkit/api/ipam";
import {
  ConnectionEventSchema,
  ConnectionSchema,
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { insecureIdentity, pemFiles, spiffeIdentity } from "../identity/index.ts";
import { createTestCa } from "../testing/ca.ts";
import { bindService, type Channel, dial, type Identity, listen, type Server, type ServiceBinding } from "./index.ts";

const codec = <S extends DescMessage>(schema: S) => ({
  serialize: (message: MessageShape<S>) => Buffer.from(toBinary(schema, message)),
  deserialize: (bytes: Buffer) => fromBinary(schema, bytes),
});
const method = <I extends DescMessage, O extends DescMessage>(path: string, input: I, output: O, kind: string) => ({
  path,
  requestStream: kind === "bidi",
  responseStream: kind !== "unary",
  requestSerialize: codec(input).serialize,
  requestDeserialize: codec(input).deserialize,
  responseSerialize: codec(output).serialize,
  responseDeserialize: codec(output).deserialize,
});
const definition = {
  request: method("/networkservice.NetworkService/Request", NetworkServiceRequestSchema, ConnectionSchema, "unary"),
  monitor: method(
    "/connection.MonitorConnection/MonitorConnections",
    MonitorScopeSelectorSchema,
    ConnectionEventSchema,
    "stream",
  ),
  prefixes: method("/ipam.IPAM/ManagePrefixes", PrefixRequestSchema, PrefixResponseSchema, "bidi"),
};

const named = (id: string, labels: Record<string, string> = {}) =>
  create(NetworkServiceRequestSchema, { connection: { id, labels } });
const large = "l".repeat(3_000_000);

/** Behaviour of both servers, so that one list of tests fits both. */
const bindings: readonly ServiceBinding[] = [
  bindService(NetworkService, {
    async request(request, call) {
      const id = request.connection?.id ?? "";
      if (id === "missing") throw new CodedError("NOT_FOUND", "no 100% “thing”");
      if (id === "wait") await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
      for (const value of call.metadata.get("x-sent") ?? []) call.setHeader("x-seen", value);
      return { id, labels: request.connection?.labels ?? {} };
    },
    close: async () => ({}),
  }),
  bindService(MonitorConnection, {
    async *monitorConnections(selector) {
      for (let n = 0; n < Number(selector.networkServices[0]); n++) yield { connections: { [n]: { id: String(n) } } };
      if (selector.networkServices[1]) throw new CodedError("RESOURCE_EXHAUSTED", "enough");
    },
  }),
  bindService(IPAM, {
    async *managePrefixes(requests) {
      for await (const { prefix } of requests) yield { prefix: `<${prefix}>` };
    },
  }),
];

type Caller = Pick<Channel, "close"> & {
  request(
    id: string,
    options?: { labels?: Record<string, string>; metadata?: string[]; timeoutMs?: number; signal?: AbortSignal },
  ): Promise<{
    id: string;
    labels: Record<string, string>;
    seen: string[];
  }>;
  monitor(services: string[]): AsyncIterable<{ connections: Record<string, { id: string }> }>;
  prefixes(all: string[]): Promise<string[]>;
};

function ourCaller(channel: Channel): Caller {
  return {
    close: () => channel.close(),
    async request(id, { labels, metadata, ...options } = {}) {
      const { message, header } = await channel.unary(NetworkService.method.request, named(id, labels), {
        ...options,
        ...(metadata ? { metadata: new Map([["x-sent", metadata]]) } : {}),
      });
      return { id: message.id, labels: message.labels, seen: [...(header.get("x-seen") ?? [])] };
    },
    monitor: (networkServices) =>
      channel.serverStream(
        MonitorConnection.method.monitorConnections,
        create(MonitorScopeSelectorSchema, { networkServices }),
      ),
    async prefixes(all) {
      const requests = (async function* () {
        for (const prefix of all) yield create(PrefixRequestSchema, { prefix });
      })();
      const answers: string[] = [];
      for await (const { prefix } of channel.bidiStream(IPAM.method.managePrefixes, requests)) answers.push(prefix);
      return answers;
    },
  };
}

/** grpc's numbers as our codes, by which the tests compare. */
const asCode = (error: unknown): Error => {
  const { code, details } = error as grpc.ServiceError;
  const names: Record<number, string> = {
    1: "ABORTED",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    8: "RESOURCE_EXHAUSTED",
  };
  return Object.assign(new Error(details), { code: names[code] ?? code });
};

function theirCaller(target: string, credentials: grpc.ChannelCredentials): Caller {
  const client = new grpc.Client(target, credentials, {
    "grpc.ssl_target_name_override": "server",
    "grpc.max_receive_message_length": -1,
  });
  const { request, monitor, prefixes } = definition;
  return {
    close: async () => client.close(),
    request(id, { labels, metadata = [], timeoutMs, signal } = {}) {
      const seen: string[] = [];
      return new Promise((resolve, reject) => {
        const headers = new grpc.Metadata();
        for (const value of metadata) headers.add("x-sent", value);
        const call = client.makeUnaryRequest(
          request.path,
          request.requestSerialize,
          request.responseDeserialize,
          named(id, labels),
          headers,
          timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
          (error, reply) =>
            error || !reply ? reject(asCode(error)) : resolve({ id: reply.id, labels: reply.labels, seen }),
        );
        call.on("metadata", (got: grpc.Metadata) => seen.push(...got.get("x-seen").map(String)));
        signal?.addEventListener("abort", () => call.cancel());
      });
    },
    async *monitor(networkServices) {
      const selector = create(MonitorScopeSelectorSchema, { networkServices });
      const stream = client.makeServerStreamRequest(
        monitor.path,
        monitor.requestSerialize,
        monitor.responseDeserialize,
        selector,
      );
      try {
        for await (const event of stream) yield event;
      } catch (error) {
        throw asCode(error);
      }
    },
    async prefixes(all) {
      const stream = client.makeBidiStreamRequest(
        prefixes.path,
        prefixes.requestSerialize,
        prefixes.responseDeserialize,
      );
      for (const prefix of all) stream.write(create(PrefixRequestSchema, { prefix }));
      stream.end();
      const answers: string[] = [];
      for await (const { prefix } of stream) answers.push(prefix);
      return answers;
    },
  };
}

/** The same behaviour served by grpc-js. */
function theirServer(): grpc.Server {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(definition, {
    request(
      call: grpc.ServerUnaryCall<MessageShape<typeof NetworkServiceRequestSchema>, unknown>,
      reply: grpc.sendUnaryData<unknown>,
    ) {
      const id = call.request.connection?.id ?? "";
      if (id === "missing") return reply({ code: grpc.status.NOT_FOUND, details: "no 100% “thing”" });
      if (id === "wait") return undefined;
      const header = new grpc.Metadata();
      for (const value of call.metadata.get("x-sent")) header.add("x-seen", value);
      call.sendMetadata(header);
      return reply(null, create(ConnectionSchema, { id, labels: call.request.connection?.labels ?? {} }));
    },
    async monitor(call: grpc.ServerWritableStream<MessageShape<typeof MonitorScopeSelectorSchema>, unknown>) {
      const [count, fail] = call.request.networkServices;
      for (let n = 0; n < Number(count); n++) {
        const more = call.write(create(ConnectionEventSchema, { connections: { [n]: { id: String(n) } } }));
        if (!more) await new Promise((resolve) => call.once("drain", resolve));
      }
      if (fail)
        call.emit("error", Object.assign(new Error(), { code: grpc.status.RESOURCE_EXHAUSTED, details: "enough" }));
      else call.end();
    },
    prefixes(call: grpc.ServerDuplexStream<{ prefix: string }, unknown>) {
      call.on("data", ({ prefix }) => call.write(create(PrefixResponseSchema, { prefix: `<${prefix}>` })));
      call.on("end", () => call.end());
    },
  });
  return server;
}

let folder: string;
let secure: Identity;
const file = (name: string): string => join(folder, name);
const ca = await createTestCa();
const issued = await ca.issue({ path: "/one" });
const pem = {
  certificate: issued.certificate.toString(),
  key: issued.key.export({ type: "pkcs8", format: "pem" }).toString(),
  bundle: ca.root.toString(),
};
const asBuffers = [Buffer.from(pem.bundle), Buffer.from(pem.key), Buffer.from(pem.certificate)] as const;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-grpcjs-"));
  const { writeFile } = await import("node:fs/promises");
  for (const [name, text] of Object.entries(pem)) await writeFile(file(name), text);
  secure = await spiffeIdentity({
    source: pemFiles({ certificate: file("certificate"), key: file("key"), bundle: file("bundle") }),
  });
});
after(() => rm(folder, { recursive: true }));

interface Setting {
  caller: Caller;
  stop(): Promise<void>;
}

async function oursServesTheirs(url: string, tls: boolean): Promise<Setting> {
  const identity = tls ? secure : insecureIdentity({ name: "ours" });
  const server: Server = await listen([url], { identity, services: bindings });
  const target = (server.urls[0] ?? "").replace("unix://", "unix:").replace("tcp://", "");
  const credentials = tls
    ? grpc.credentials.createSsl(...asBuffers, { checkServerIdentity: () => undefined })
    : grpc.credentials.createInsecure();
  const caller = theirCaller(target, credentials);
  return {
    caller,
    async stop() {
      await caller.close();
      await server.destroy();
    },
  };
}

async function theirsServesOurs(url: string, tls: boolean): Promise<Setting> {
  const server = theirServer();
  const [bundle, key, certificate] = asBuffers;
  const credentials = tls
    ? grpc.ServerCredentials.createSsl(bundle, [{ cert_chain: certificate, private_key: key }], true)
    : grpc.ServerCredentials.createInsecure();
  const where = url.replace("unix://", "unix:").replace("tcp://", "");
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(where, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const identity = tls ? secure : insecureIdentity({ name: "ours" });
  const channel = dial(url.startsWith("unix") ? url : `tcp://127.0.0.1:${port}`, { identity });
  return {
    caller: ourCaller(channel),
    async stop() {
      await channel.close();
      server.forceShutdown();
    },
  };
}

for (const [roles, start] of [
  ["a grpc-js client of our server", oursServesTheirs],
  ["our client of a grpc-js server", theirsServesOurs],
] as const) {
  for (const [where, url, tls] of [
    ["a unix socket", () => `unix://${file("plain.sock")}`, false],
    ["TCP", () => "tcp://127.0.0.1:0", false],
    ["a unix socket with TLS", () => `unix://${file("tls.sock")}`, true],
    ["TCP with TLS", () => "tcp://127.0.0.1:0", true],
  ] as const) {
    describe(`${roles} over ${where}`, () => {
      let setting: Setting;
      before(async () => {
        setting = await start(url(), tls);
      });
      after(() => setting.stop());

      test("messages, metadata and headers arrive", async () => {
        const { id, seen } = await setting.caller.request("one", { metadata: ["a", "b"] });
        assert.equal(id, "one");
        assert.deepEqual(seen.join(", ").split(", "), ["a", "b"]);
      });

      test("a message of three megabytes arrives", async () => {
        const { labels } = await setting.caller.request("one", { labels: { large } });
        assert.ok(labels.large === large);
      });

      test("an error arrives with code and message", async () => {
        await assert.rejects(setting.caller.request("missing"), { code: "NOT_FOUND", message: "no 100% “thing”" });
      });

      test("a deadline ends the call", async () => {
        await assert.rejects(setting.caller.request("wait", { timeoutMs: 30 }), { code: "DEADLINE_EXCEEDED" });
      });

      test("a cancelled call ends", async () => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 10);
        await assert.rejects(setting.caller.request("wait", { signal: controller.signal }), { code: "ABORTED" });
      });

      test("a stream of two thousand events arrives in order", async () => {
        const seen: string[] = [];
        for await (const { connections } of setting.caller.monitor(["2000"])) seen.push(...Object.keys(connections));
        assert.deepEqual(
          seen,
          Array.from({ length: 2000 }, (_, n) => String(n)),
        );
      });

      test("a stream that fails delivers what came before", async () => {
        let seen = 0;
        await assert.rejects(
          async () => {
            for await (const _ of setting.caller.monitor(["3", "fail"])) seen++;
          },
          { code: "RESOURCE_EXHAUSTED", message: "enough" },
        );
        assert.equal(seen, 3);
      });

      test("both directions of a stream flow", async () => {
        const all = Array.from({ length: 300 }, (_, n) => `10.0.0.${n}`);
        assert.deepEqual(
          await setting.caller.prefixes(all),
          all.map((prefix) => `<${prefix}>`),
        );
      });

      test("three hundred calls at once all get their own answer", async () => {
        const ids = Array.from({ length: 300 }, (_, n) => `id-${n}`);
        const replies = await Promise.all(ids.map((id) => setting.caller.request(id, { labels: { id } })));
        assert.deepEqual(
          replies.map(({ labels }) => labels.id),
          ids,
        );
      });
    });
  }
}
