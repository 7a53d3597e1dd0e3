import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { ask, connectThrough } from "./client.ts";
import { type Handlers, serveControl } from "./server.ts";

const directory = mkdtempSync(join(tmpdir(), "nsmctl-control-"));
after(() => rmSync(directory, { recursive: true }));
let sockets = 0;

const unused = async (): Promise<never> => {
  throw new Error("not asked for");
};
const idle: Handlers = {
  status: unused,
  apply: unused,
  check: unused,
  enter: unused,
  agent: unused,
  connect: unused,
  down: unused,
};

async function serve(handlers: Partial<Handlers>, path = join(directory, `${sockets++}.sock`)) {
  const server = await serveControl(path, { ...idle, ...handlers });
  return { path, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

test("an answer comes back after the progress that was told", async () => {
  await using server = await serve({
    enter: async ({ target }, { tell }) => {
      tell({ type: "note", text: "on the way" });
      return { pid: 7, env: { TARGET: target }, workingDir: "/" };
    },
  });
  const told: unknown[] = [];
  const answer = await ask(server.path, "enter", { target: "web" }, { tell: (event) => told.push(event) });
  assert.deepEqual(answer, { pid: 7, env: { TARGET: "web" }, workingDir: "/" });
  assert.deepEqual(told, [{ type: "note", text: "on the way" }]);
});

test("an error keeps its code and message", async () => {
  await using server = await serve({
    down: async () => {
      throw new CodedError("CONFLICT", "no");
    },
  });
  await assert.rejects(ask(server.path, "down", {}), { code: "CONFLICT", message: "no" });
});

test("a caller that goes cancels what it asked for", async () => {
  const cancelled = Promise.withResolvers<void>();
  await using server = await serve({
    down: (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          cancelled.resolve();
          reject(signal.reason);
        });
      }),
  });
  const stop = new AbortController();
  const asking = ask(server.path, "down", {}, { signal: stop.signal });
  setTimeout(() => stop.abort(), 20);
  await assert.rejects(asking, { code: "ABORTED" });
  await cancelled.promise;
});

test("a connection is carried both ways, also what follows the answer at once", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  await using server = await serve({
    connect: async ({ host, port }) => {
      const far = new PassThrough();
      far.write(`${host}:${port} `);
      far.on("close", () => resolve());
      return far;
    },
  });
  const { signal } = new AbortController();
  const socket = await connectThrough(server.path, { pod: "web", host: "127.0.0.1", port: 80 }, { signal });
  const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);
  socket.write(bytes);
  const seen: Buffer[] = [];
  for await (const chunk of socket) {
    seen.push(chunk as Buffer);
    if (Buffer.concat(seen).length >= 13 + bytes.length) break;
  }
  assert.deepEqual(Buffer.concat(seen), Buffer.concat([Buffer.from("127.0.0.1:80 "), bytes]));
  // Who connects decides when it ends.
  await closed;
});

test("a connection that cannot be made is the caller's error", async () => {
  await using server = await serve({
    connect: async () => {
      throw new CodedError("UNAVAILABLE", "connection refused");
    },
  });
  const { signal } = new AbortController();
  const asked = connectThrough(server.path, { pod: "web", host: "127.0.0.1", port: 80 }, { signal });
  await assert.rejects(asked, { code: "UNAVAILABLE", message: "connection refused" });
});

test("where nobody listens the error says so", async () => {
  await assert.rejects(ask(join(directory, "nobody.sock"), "down", {}), { code: "UNAVAILABLE" });
});

test("a path that is too long for a socket address works all the same", async () => {
  const deep = join(directory, "x".repeat(100));
  mkdirSync(deep);
  process.chdir(deep);
  await using _server = await serve({ down: async () => null }, "c.sock");
  assert.equal(await ask(join(deep, "c.sock"), "down", {}), null);
  process.chdir("/");
});

for (const [what, line] of Object.entries({
  "text that is no JSON": "hello",
  "a request of another version": '{"version":"0","operation":"down"}',
  "an unknown operation": '{"version":"0.1.0/1","operation":"toString"}',
  "a list": "[]",
}))
  test(`${what} is answered with an error`, async () => {
    await using server = await serve({});
    const socket = connect(server.path);
    socket.end(`${line}\n`);
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    assert.equal(JSON.parse(answer).type, "error");
  });
