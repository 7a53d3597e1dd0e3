// What a stranger may do to a server's socket. Nothing of it may end the process or hold up others.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import fc from "fast-check";
import { insecureIdentity, spiffeIdentity } from "../../identity/index.ts";
import { createTestCa } from "../../testing/ca.ts";
import type { Identity, Server } from "../api.ts";
import { dial } from "../client/channel.ts";
import { listen } from "./listen.ts";
import { bindService } from "./service.ts";

const services = [bindService(NetworkService, { request: async () => ({ id: "alive" }), close: async () => ({}) })];
const ca = await createTestCa();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-hostile-"));
});
after(() => rm(folder, { recursive: true }));

for (const [where, url, tls] of [
  ["a unix socket", () => `unix://${join(folder, "a.sock")}`, false],
  ["TCP", () => "tcp://127.0.0.1:0", false],
  ["a unix socket with TLS", () => `unix://${join(folder, "b.sock")}`, true],
  ["TCP with TLS", () => "tcp://127.0.0.1:0", true],
] as const) {
  describe(`a stranger on ${where}`, () => {
    let server: Server;
    let identity: Identity;
    before(async () => {
      identity = tls ? await spiffeIdentity({ source: ca.source({ path: "/x" }) }) : insecureIdentity({ name: "x" });
      server = await listen([url()], { identity, services });
    });
    after(async () => {
      await server.destroy();
      await identity.close();
    });

    const connect = async (): Promise<net.Socket> => {
      const target = server.urls[0] ?? "";
      const socket = target.startsWith("unix://")
        ? net.connect(target.slice(7))
        : net.connect(Number(new URL(target).port), "127.0.0.1");
      socket.on("error", () => {});
      await new Promise<void>((resolve) => socket.once("connect", resolve));
      return socket;
    };
    const alive = async (): Promise<void> => {
      await using channel = dial(server.urls[0] ?? "", { identity });
      const { message } = await channel.unary(NetworkService.method.request, create(NetworkServiceRequestSchema), {
        timeoutMs: 5000,
      });
      assert.equal(message.id, "alive");
    };
    const gone = (socket: net.Socket): Promise<void> =>
      new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve()).resume()));

    test("who sends garbage is closed, and the next call is served", async () => {
      const begin = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), fc.boolean(), async (bytes, polite) => {
          const socket = await connect();
          socket.end(polite ? Buffer.concat([begin, bytes]) : bytes);
          await gone(socket);
        }),
        { numRuns: 60 },
      );
      await alive();
    });

    test("who connects and says nothing, or stops in the middle, holds nobody up", async () => {
      const silent = await Promise.all(Array.from({ length: 50 }, connect));
      for (const [at, socket] of silent.entries()) if (at % 2) socket.write("PRI * HT");
      await alive();
      for (const socket of silent) socket.destroy();
    });

    test("who resets the connection in the middle of a call hurts nobody else", async () => {
      for (let round = 0; round < 20; round++) {
        const channel = dial(server.urls[0] ?? "", { identity });
        const socket = await connect();
        socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        if (where.startsWith("TCP")) socket.resetAndDestroy();
        else socket.destroy();
        await channel.unary(NetworkService.method.request, create(NetworkServiceRequestSchema));
        await channel.close();
      }
      await alive();
    });

    test("none of it leaves a descriptor behind", async () => {
      const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
      await alive();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const before = await openFiles();
      for (let round = 0; round < 20; round++) {
        const socket = await connect();
        socket.write(Buffer.alloc(100, round));
        socket.destroy();
        await gone(socket);
      }
      await alive();
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(await openFiles(), before);
    });
  });
}
