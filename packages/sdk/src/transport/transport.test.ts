import assert from "node:assert/strict";
import { mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Health, HealthCheckRequestSchema, HealthCheckResponse_ServingStatus } from "@nsmkit/api/health";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { CodedError, mustExist } from "@nsmkit/core";
import { insecureIdentity } from "../identity/index.ts";
import { bindService, dial, inodeUrl, listen } from "./index.ts";

const identity = insecureIdentity({ name: "test" });
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-transport-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const services = [
  bindService(NetworkService, {
    async request(request, call) {
      if (request.connection?.id === "fail") throw new CodedError("NOT_FOUND", "no 100% such “thing”");
      call.setHeader("seen", call.metadata.get("sent")?.join("+") ?? "");
      return { id: request.connection?.id ?? "", labels: request.connection?.labels ?? {} };
    },
    async close() {
      return {};
    },
  }),
  bindService(Health, {
    async check() {
      return { status: HealthCheckResponse_ServingStatus.SERVING };
    },
    async *watch(request) {
      for (let n = 0; n < Number(request.service); n++) yield { status: HealthCheckResponse_ServingStatus.SERVING };
    },
    async list() {
      return {};
    },
  }),
];

for (const [kind, url] of [
  ["a unix path", () => `unix://${join(folder, "s")}`],
  ["an abstract socket", () => `unix://@nsmkit-test-${process.pid}`],
  ["TCP", () => "tcp://127.0.0.1:0"],
  ["TCP over IPv6", () => "tcp://[::1]:0"],
] as const) {
  describe(`over ${kind}`, () => {
    test("a unary call brings message, metadata and headers to the other side", async () => {
      await using server = await listen([url()], { identity, services });
      await using channel = dial(server.urls[0] ?? "", { identity });
      const { message, header } = await channel.unary(
        NetworkService.method.request,
        create(NetworkServiceRequestSchema, { connection: { id: "c1", labels: { a: "ä" } } }),
        { metadata: new Map([["sent", ["1", "2"]]]) },
      );
      assert.equal(message.id, "c1");
      assert.deepEqual(message.labels, { a: "ä" });
      assert.deepEqual(header.get("seen"), ["1+2"]);
    });

    test("an error arrives with its code and message", async () => {
      await using server = await listen([url()], { identity, services });
      await using channel = dial(server.urls[0] ?? "", { identity });
      const request = create(NetworkServiceRequestSchema, { connection: { id: "fail" } });
      await assert.rejects(channel.unary(NetworkService.method.request, request), {
        code: "NOT_FOUND",
        message: "no 100% such “thing”",
      });
    });

    test("a server stream brings all its messages in order", async () => {
      await using server = await listen([url()], { identity, services });
      await using channel = dial(server.urls[0] ?? "", { identity });
      let seen = 0;
      const request = create(HealthCheckRequestSchema, { service: "500" });
      for await (const _ of channel.serverStream(Health.method.watch, request)) seen++;
      assert.equal(seen, 500);
    });
  });
}

test("a handler and its caller exchange files on the connection of the call", async () => {
  const withFiles = bindService(NetworkService, {
    async request(request, call) {
      const url = request.connection?.id ?? "";
      await using file = await mustExist(call.peer.files, "files").receive(url, { signal: call.signal });
      assert.match(await readlink(file.path), /^net:/);
      assert.equal(call.peer.credentials?.pid, process.pid);
      return { id: await mustExist(call.peer.files, "files").send("/proc/self/ns/uts") };
    },
    async close() {
      return {};
    },
  });
  await using server = await listen([`unix://${join(folder, "files")}`], { identity, services: [withFiles] });
  await using channel = dial(server.urls[0] ?? "", { identity });
  const signal = AbortSignal.timeout(5000);
  const path = "/proc/self/ns/net";
  const { message, peer } = await channel.unary(
    NetworkService.method.request,
    create(NetworkServiceRequestSchema, { connection: { id: inodeUrl(path) } }),
    { signal, files: [path] },
  );
  const files = mustExist(peer.files, "files");
  await using file = await files.receive(message.id, { signal });
  assert.match(await readlink(file.path), /^uts:/);
});

test("a file that cannot be sent fails the call before the server sees it", async () => {
  let served = 0;
  const counting = bindService(NetworkService, {
    async request() {
      served++;
      return {};
    },
    async close() {
      return {};
    },
  });
  await using server = await listen([`unix://${join(folder, "nofile")}`], { identity, services: [counting] });
  await using channel = dial(server.urls[0] ?? "", { identity });
  const request = create(NetworkServiceRequestSchema);
  await assert.rejects(channel.unary(NetworkService.method.request, request, { files: ["/nowhere"] }), {
    code: "NOT_FOUND",
    message: /\/nowhere/,
  });
  assert.equal(served, 0);
});
