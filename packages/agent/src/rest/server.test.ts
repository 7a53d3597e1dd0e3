import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import fc from "fast-check";
import type { Route } from "./route.ts";
import { listenRest, type RestServerOptions } from "./server.ts";

const routes: Route[] = [
  { method: "GET", path: "/hello", text: "greets", handle: () => ({ body: { hello: "world" } }) },
  { method: "PUT", path: "/echo", text: "gives back", handle: async (request) => ({ body: await request.text() }) },
  {
    method: "GET",
    path: "/scheduler/x",
    text: "argues",
    argumentErrorStatus: 500,
    handle: () => {
      throw new CodedError("INVALID_ARGUMENT", "argument key is missing");
    },
  },
  {
    method: "GET",
    path: "/broken",
    text: "breaks",
    handle: () => {
      throw new CodedError("INVALID_CONFIG", "is wrong", { details: { problems: [{ place: "a", text: "b" }] } });
    },
  },
];

const serve = (more: Partial<RestServerOptions> = {}) => listenRest({ endpoint: "127.0.0.1:0", routes, ...more });

test("routes answer JSON or text, and GET / lists them", async () => {
  await using server = await serve();
  const hello = await fetch(`${server.url}/hello/`);
  assert.deepEqual(
    [hello.status, hello.headers.get("content-type"), await hello.json()],
    [200, "application/json; charset=utf-8", { hello: "world" }],
  );
  assert.equal(await (await fetch(`${server.url}/echo`, { method: "PUT", body: "tøst" })).text(), "tøst");
  assert.match(await (await fetch(server.url)).text(), /^GET \/hello {2}greets$/m);
});

test("errors are JSON with an Error, and with what is wrong in detail", async () => {
  await using server = await serve();
  const answer = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${server.url}${path}`, init);
    return [response.status, await response.json(), response.headers.get("allow")];
  };
  assert.deepEqual(await answer("/nothing"), [404, { Error: "no such path: /nothing; GET / lists them" }, null]);
  assert.deepEqual(await answer("/hello", { method: "PUT" }), [405, { Error: "/hello takes GET, not PUT" }, "GET"]);
  assert.deepEqual(await answer("/scheduler/x"), [500, { Error: "argument key is missing" }, null]);
  assert.deepEqual(await answer("/broken"), [400, { Error: "is wrong", Problems: [{ place: "a", text: "b" }] }, null]);
});

test("a body beyond the limit, or one that is no text, is refused", async () => {
  await using server = await serve({ maxBodyBytes: 1000 });
  const put = (body: string | Uint8Array<ArrayBuffer>) => fetch(`${server.url}/echo`, { method: "PUT", body });
  assert.equal((await put("x".repeat(1000))).status, 200);
  assert.equal((await put("x".repeat(1001))).status, 413);
  const binary = await put(Uint8Array.from([0xff, 0xfe]));
  assert.deepEqual([binary.status, await binary.json()], [400, { Error: "the body is not UTF-8 text" }]);
});

test("with basic authentication only those who know a password are served", async () => {
  await using server = await serve({ basicAuth: ["ann:secret", "bob:x:y"] });
  const get = async (pair?: string) =>
    (await fetch(`${server.url}/hello`, pair ? { headers: { authorization: `Basic ${btoa(pair)}` } } : {})).status;
  assert.deepEqual(
    [await get(), await get("ann:wrong"), await get("ann:secret"), await get("bob:x:y")],
    [401, 401, 200, 200],
  );
});

test("a page of another site cannot make a browser change anything", async () => {
  await using server = await serve();
  const put = async (origin: string) =>
    (await fetch(`${server.url}/echo`, { method: "PUT", body: "x", headers: { origin } })).status;
  assert.deepEqual([await put("http://evil.example"), await put("null"), await put(server.url)], [403, 403, 200]);
});

test("a taken port and a wrong endpoint are named with the remedy", async () => {
  await using server = await serve();
  const taken = server.url.replace("http://", "");
  await assert.rejects(serve({ endpoint: taken }), {
    code: "ALREADY_EXISTS",
    message: `HTTP endpoint ${taken} is taken by another program; set HTTP_PORT or http.conf to a free one`,
  });
  await assert.rejects(serve({ endpoint: "nonsense" }), {
    code: "INVALID_CONFIG",
    message: 'HTTP endpoint is "nonsense"; write host:port or unix:/path',
  });
  await assert.rejects(serve({ endpoint: "203.0.113.77:80" }), { code: "INVALID_CONFIG" });
});

test("it can listen on a unix socket, and takes the place of one that was left behind", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nsm-rest-"));
  try {
    const path = join(directory, "agent.sock");
    for (let i = 0; i < 2; i++) {
      await using server = await serve({ endpoint: `unix:${path}` });
      assert.equal(server.url, `unix:${path}`);
      const status = await new Promise((resolve) =>
        httpRequest({ socketPath: path, path: "/hello" }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).end(),
      );
      assert.equal(status, 200);
      await assert.rejects(serve({ endpoint: `unix:${path}` }), { code: "ALREADY_EXISTS" });
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("parts of a path are given to the route by name, and a literal path wins", async () => {
  const named: Route[] = [
    { method: "PUT", path: "/log/{logger}/{level}", text: "sets", handle: ({ params }) => ({ body: { ...params } }) },
    { method: "GET", path: "/log/list", text: "lists", handle: () => ({ body: "list" }) },
    { method: "GET", path: "/dump/vpp/*", text: "tells", handle: () => ({ body: "vpp" }) },
  ];
  await using server = await serve({ routes: named });
  const call = async (path: string, method = "GET") => (await fetch(`${server.url}${path}`, { method })).text();
  assert.deepEqual(JSON.parse(await call("/log/a%2Fb/debug", "PUT")), { logger: "a/b", level: "debug" });
  assert.deepEqual([await call("/log/list"), await call("/dump/vpp/v2/nat/pools")], ["list", "vpp"]);
  assert.match(await call("/log/%E0/x", "PUT"), /broken percent escape/);
  assert.match(await call("/log/a/b/c", "PUT"), /no such path/);
});

test("a client that is slow with its headers, its body or its answer is let go", async () => {
  const big: Route = {
    method: "GET",
    path: "/big",
    text: "much",
    handle: () => ({ body: "x".repeat(32 * 1024 * 1024) }),
  };
  await using server = await serve({
    routes: [...routes, big],
    limits: { headerMs: 100, readMs: 200, writeMs: 300 },
  });
  const port = Number(new URL(server.url).port);
  const slow = async (text: string, read: boolean) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(text);
    if (read) socket.resume();
    else socket.pause();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    // Who does not read does not notice that the other end is gone; writing tells.
    const probe = read ? undefined : setInterval(() => socket.write("x"), 100);
    await closed;
    clearInterval(probe);
  };
  await Promise.all([
    slow("GET /hello HTTP/1.1\r\nHost: x\r\n", true),
    slow("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab", true),
    slow("GET /big HTTP/1.1\r\nHost: x\r\n\r\n", false),
  ]);
});

test("a compressed body is refused with what to do instead", async () => {
  await using server = await serve();
  const response = await fetch(`${server.url}/echo`, {
    method: "PUT",
    body: "x",
    headers: { "content-encoding": "gzip" },
  });
  assert.deepEqual(
    [response.status, await response.json()],
    [400, { Error: "the body is encoded as gzip; send it as it is, without Content-Encoding" }],
  );
});

test("closing ends connections that are kept open", async () => {
  const server = await serve();
  const idle = connect(Number(new URL(server.url).port), "127.0.0.1");
  await new Promise((resolve) => idle.once("connect", resolve));
  idle.on("error", () => {});
  await server.close();
  await new Promise((resolve) => (idle.closed ? resolve(undefined) : idle.once("close", resolve)));
});

test("whatever arrives, the server answers the next request", async () => {
  await using server = await serve();
  const port = Number(new URL(server.url).port);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string().map((path) => `GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`),
        fc.webPath().map((path) => `PUT /echo?${path} HTTP/1.1\r\nHost: [\r\nContent-Length: 1\r\n\r\n`),
      ),
      async (text) => {
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => {});
        socket.end(text);
        socket.resume();
        await new Promise((resolve) => socket.once("close", resolve));
      },
    ),
    { numRuns: 60 },
  );
  assert.equal((await fetch(`${server.url}/hello`)).status, 200);
});
