import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { CodedError, Deferred } from "@nsmkit/core";
import { RecordingLogger } from "@nsmkit/core/testing";
import { insecureIdentity } from "../../identity/index.ts";
import type { ServerCall, ServiceHandlers } from "../api.ts";
import { dial } from "../client/channel.ts";
import { listen } from "./listen.ts";
import { bindService } from "./service.ts";

const identity = insecureIdentity({ name: "test" });
const { request: method } = NetworkService.method;
const { monitorConnections } = MonitorConnection.method;
const ask = create(NetworkServiceRequestSchema, { connection: { id: "c" } });
const all = create(MonitorScopeSelectorSchema);
type Handlers = ServiceHandlers<typeof NetworkService>;
type Monitor = ServiceHandlers<typeof MonitorConnection>["monitorConnections"];

async function calling(
  handlers: { request?: Handlers["request"]; monitor?: Monitor },
  use: (channel: ReturnType<typeof dial>, logger: RecordingLogger) => Promise<void>,
): Promise<void> {
  const logger = new RecordingLogger();
  const services = [
    bindService(NetworkService, { request: handlers.request ?? (async () => ({})), close: async () => ({}) }),
    bindService(MonitorConnection, { monitorConnections: handlers.monitor ?? async function* () {} }),
  ];
  await using server = await listen(["tcp://127.0.0.1:0"], { identity, services, logger });
  await using channel = dial(server.urls[0] ?? "", { identity });
  await use(channel, logger);
}

test("an error without a code reaches the client as UNKNOWN and the log with its stack", async () => {
  const request = async (): Promise<never> => {
    throw new TypeError("boom");
  };
  await calling({ request }, async (channel, logger) => {
    await assert.rejects(channel.unary(method, ask), { code: "UNKNOWN", message: "boom" });
    const line = logger.lines.find(({ level }) => level === "error");
    assert.ok(line?.fields.error instanceof TypeError);
  });
});

test("a handler that throws before it returns a promise, or returns nothing, fails its own call only", async () => {
  const broken = ((request: { connection?: { id: string } }) => {
    if (request.connection?.id === "c") throw new CodedError("CONFLICT", "at once");
    return undefined;
  }) as unknown as Handlers["request"];
  await calling({ request: broken }, async (channel) => {
    await assert.rejects(channel.unary(method, ask), { code: "CONFLICT" });
    await assert.rejects(channel.unary(method, create(NetworkServiceRequestSchema)), { code: "INTERNAL" });
  });
});

test("a reply with a value that its field cannot hold fails the call", async () => {
  const request = async () => ({ path: { index: -1 } });
  await calling({ request }, async (channel) => {
    await assert.rejects(channel.unary(method, ask), { code: "UNKNOWN", message: /index/ });
  });
});

test("a header that comes after the headers were sent is refused", async () => {
  const refused = new Deferred<unknown>();
  async function* monitor(_: unknown, call: ServerCall) {
    call.setHeader("early", "1");
    yield {};
    try {
      call.setHeader("late", "1");
    } catch (error) {
      refused.resolve(error);
    }
  }
  await calling({ monitor }, async (channel) => {
    for await (const _ of channel.serverStream(monitorConnections, all));
    assert.equal(((await refused.promise) as CodedError).code, "FAILED_PRECONDITION");
  });
});

test("a stream whose handler ignores its signal is left behind when the client leaves", async () => {
  const entered = new Deferred<void>();
  const monitor: Monitor = async function* () {
    yield {};
    entered.resolve();
    await new Promise(() => {});
  };
  await calling({ monitor }, async (channel) => {
    const iterator = channel.serverStream(monitorConnections, all)[Symbol.asyncIterator]();
    await iterator.next();
    await entered.promise;
    await iterator.return?.();
  });
});

test("very long error messages are cut to what clients accept", async () => {
  const request = async (): Promise<never> => {
    throw new CodedError("CONFLICT", "é".repeat(100_000));
  };
  await calling({ request }, async (channel) => {
    await assert.rejects(
      channel.unary(method, ask),
      (error: CodedError) => error.code === "CONFLICT" && error.message.length <= 4096,
    );
  });
});

test("a missing handler, a surplus one and a service bound twice are refused when the server starts", async () => {
  const whole = bindService(NetworkService, { request: async () => ({}), close: async () => ({}) });
  for (const [services, message] of [
    [[{ service: NetworkService, handlers: { request: async () => ({}) } }], /no handler for close/],
    [[{ service: NetworkService, handlers: { ...whole.handlers, open() {} } }], /no method open/],
    [[whole, whole], /bound twice/],
  ] as const) {
    await assert.rejects(listen(["tcp://127.0.0.1:0"], { identity, services }), { code: "INVALID_ARGUMENT", message });
  }
});
