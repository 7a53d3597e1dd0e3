import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import tls from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { ConnectionSchema, NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { insecureIdentity } from "../identity/index.ts";
import { createTestCa, type Issued } from "../testing/ca.ts";
import { type Channel, dial, type ServerTls } from "./index.ts";
import { frameMessage } from "./message.ts";

const ca = await createTestCa();
const pemOf = ({ certificate, key }: Issued): { cert: string; key: string } => ({
  cert: certificate.toString(),
  key: key.export({ type: "pkcs8", format: "pem" }).toString(),
});

/** A gRPC server of another make, with a certificate for hosts and none for the mesh. */
async function serve(where: { port: 0; host: string } | { path: string }, askClient = false) {
  const issued = await ca.issue({ path: "/server", uris: [], hosts: ["127.0.0.1", "localhost"] });
  const server = http2.createSecureServer({
    ...pemOf(issued),
    ...(askClient ? { ca: ca.root.toString(), requestCert: true, rejectUnauthorized: true } : {}),
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.on("sessionError", () => {});
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(frameMessage(toBinary(ConnectionSchema, create(ConnectionSchema, { id: "answered" }))));
  });
  server.listen(where);
  await once(server, "listening");
  return {
    port: "port" in where ? (server.address() as AddressInfo).port : 0,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const open = (target: string, serverTls: ServerTls): Channel =>
  dial(target, { identity: insecureIdentity({ name: "test" }), serverTls });

const request = create(NetworkServiceRequestSchema, { connection: { id: "c" } });
const trusting = { secureContext: tls.createSecureContext({ ca: ca.root.toString() }) };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-server-tls-"));
});
after(() => rm(folder, { recursive: true }));

describe("TLS with a server outside the mesh", () => {
  for (const host of ["127.0.0.1", "localhost"]) {
    test(`the certificate is held against the dialled host ${host}`, async () => {
      await using server = await serve({ port: 0, host });
      await using channel = open(`tcp://${host}:${server.port}`, trusting);
      const { message, peer } = await channel.unary(NetworkService.method.request, request);
      assert.equal(message.id, "answered");
      assert.equal(peer.spiffeId, undefined);
      assert.ok(peer.certificate);
    });
  }

  test("a certificate for other hosts is refused", async () => {
    await using server = await serve({ port: 0, host: "127.0.0.2" });
    await using channel = open(`tcp://127.0.0.2:${server.port}`, trusting);
    await assert.rejects(channel.unary(NetworkService.method.request, request), {
      code: "UNAUTHENTICATED",
      message: /127\.0\.0\.2/,
    });
  });

  test("a certificate of an unknown authority is refused, unless any is taken", async () => {
    await using server = await serve({ port: 0, host: "127.0.0.1" });
    const secureContext = tls.createSecureContext({ ca: (await createTestCa()).root.toString() });
    await using wary = open(`tcp://127.0.0.1:${server.port}`, { secureContext });
    await assert.rejects(wary.unary(NetworkService.method.request, request), { code: "UNAUTHENTICATED" });
    await using easy = open(`tcp://127.0.0.1:${server.port}`, { secureContext, skipVerify: true });
    assert.equal((await easy.unary(NetworkService.method.request, request)).message.id, "answered");
  });

  test("a server that asks for a certificate gets ours", async () => {
    await using server = await serve({ port: 0, host: "127.0.0.1" }, true);
    const own = pemOf(await ca.issue({ path: "/client", uris: [] }));
    const secureContext = tls.createSecureContext({ ca: ca.root.toString(), ...own });
    await using known = open(`tcp://127.0.0.1:${server.port}`, { secureContext });
    assert.equal((await known.unary(NetworkService.method.request, request)).message.id, "answered");
    await using unknown = open(`tcp://127.0.0.1:${server.port}`, trusting);
    await assert.rejects(unknown.unary(NetworkService.method.request, request));
  });

  test("a unix socket's server is localhost", async () => {
    const path = join(folder, "s.sock");
    await using _server = await serve({ path });
    await using channel = open(`unix://${path}`, trusting);
    assert.equal((await channel.unary(NetworkService.method.request, request)).message.id, "answered");
  });
});
