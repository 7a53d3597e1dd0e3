import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { request } from "node:https";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { createTestCa } from "@nsmkit/sdk/testing";
import { pemOf, rootOf } from "../../testing/pem.ts";
import type { Route } from "../route.ts";
import { listenRest, type RestServerOptions } from "../server.ts";
import { isPassword } from "./crypt.ts";
import { RateLimiter } from "./rate-limit.ts";

const ok = () => ({ body: "ok" });
const routes: Route[] = [
  { method: "GET", path: "/dump", text: "dumps", group: "dump", handle: ok },
  { method: "PUT", path: "/write", text: "writes", group: "nbConfigWrite", handle: ok },
  { method: "GET", path: "/secret", text: "for admins", handle: ok },
];

/** "secret", made by the original's password-hasher (golang.org/x/crypto/bcrypt) with cost 5. */
const bcrypt = "$2a$05$CkWPZFJy9viZYFHEubxVReFlZBB8T4rJol1b1TFI1aqquDGES94ta";

const serve = (more: Partial<RestServerOptions>) => listenRest({ endpoint: "127.0.0.1:0", routes, ...more });

test("a password is checked against hashes of crypt(3)", { skip: await noCrypt() }, async () => {
  const sha512 = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
  assert.deepEqual(
    [await isPassword("password", sha512), await isPassword("wrong", sha512), await isPassword("password\0x", sha512)],
    [true, false, false],
  );
  assert.deepEqual([await isPassword("secret", bcrypt), await isPassword("Secret", bcrypt)], [true, false]);
  await assert.rejects(isPassword("x", "$nonsense$"), { code: "UNSUPPORTED" });
});

async function noCrypt(): Promise<string | false> {
  return isPassword("x", "$6$saltsalt$").then(
    () => false as const,
    (error: Error) => error.message,
  );
}

async function tokenWorld(more: Partial<RestServerOptions["tokens"]> = {}) {
  const hash = await hashOf("secret");
  const clock = new FakeClock();
  const server = await serve({
    clock,
    tokens: {
      users: [
        { name: "ann", passwordHash: hash, permissions: ["admin"] },
        { name: "bob", passwordHash: hash, permissions: ["dump"] },
      ],
      ...more,
    },
  });
  const post = async (path: string, body: string) => {
    const response = await fetch(`${server.url}${path}`, { method: "POST", body, redirect: "manual" });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return {
    clock,
    server,
    login: async (username: string, password = "secret") => post("/auth/login", JSON.stringify({ username, password })),
    post,
    get: async (path: string, token?: string, init: RequestInit = {}) =>
      (await fetch(`${server.url}${path}`, { headers: token ? { authorization: `Bearer ${token}` } : {}, ...init }))
        .status,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** crypt(3) makes a hash when it is given one without its end. */
async function hashOf(password: string): Promise<string> {
  const koffi = (await import("koffi")).default;
  const crypt = koffi.load("libcrypt.so.1").func("const char *crypt(const char *, const char *)");
  return crypt(password, "$5$rounds=20000$nsmkit$") as string;
}

const tokens = { skip: await noCrypt() };

test("who logs in gets a token, and may do what the user's permissions say", tokens, async () => {
  await using w = await tokenWorld();
  assert.deepEqual([await w.get("/dump"), await w.get("/dump", "a.b.c"), await w.get("/nothing")], [401, 401, 401]);
  const ann = (await w.login("ann")).text;
  const bob = (await w.login("bob")).text;
  assert.deepEqual(
    [await w.get("/dump", ann), await w.get("/secret", ann), await w.get("/nothing", ann)],
    [200, 200, 404],
  );
  assert.deepEqual(
    [
      await w.get("/dump", bob),
      await w.get("/secret", bob),
      await w.get("/write", bob, { method: "PUT" }),
      await w.get("/", bob),
    ],
    [200, 403, 403, 200],
  );
});

test("a wrong password and an unknown name answer the same", tokens, async () => {
  await using w = await tokenWorld();
  const [wrong, unknown] = [await w.login("ann", "guess"), await w.login("nobody")];
  assert.deepEqual([wrong.status, wrong.text], [401, unknown.text]);
  assert.equal((await w.post("/auth/login", "x")).status, 400);
  assert.equal((await w.post("/auth/login", '{"username":1}')).status, 400);
});

test("a token ends with its time, and with a logout", tokens, async () => {
  await using w = await tokenWorld({ expirationMs: 60_000 });
  const first = (await w.login("ann")).text;
  assert.equal(await w.get("/dump", first), 200);
  await w.clock.advance(61_000);
  assert.equal(await w.get("/dump", first), 401);
  const second = (await w.login("ann")).text;
  await w.clock.advance(1_500);
  assert.equal((await w.post("/auth/logout", '{"username":"ann","password":"guess"}')).status, 401);
  assert.equal((await w.post("/auth/logout", '{"username":"ann","password":"secret"}')).status, 200);
  assert.equal(await w.get("/dump", second), 401);
  assert.equal(await w.get("/dump", (await w.login("ann")).text), 200);
});

test("a token of another key, without signature or with another algorithm is worthless", tokens, async () => {
  await using w = await tokenWorld({ key: "ours" });
  const forge = (header: object, key: string | undefined): string => {
    const claims = { aud: "ann", iss: "x", iat: Math.floor(w.clock.now() / 1000), exp: 9_999_999_999 };
    const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${text}.${key === undefined ? "" : createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const hs256 = { alg: "HS256", typ: "JWT" };
  assert.equal(await w.get("/dump", forge(hs256, "ours")), 200);
  for (const [header, key] of [
    [hs256, "theirs"],
    [hs256, undefined],
    [{ alg: "none", typ: "JWT" }, undefined],
    [{ alg: "none", typ: "JWT" }, "ours"],
  ] as const)
    assert.equal(await w.get("/dump", forge(header, key)), 401);
});

test("many guesses at once do not keep the agent busy", tokens, async () => {
  await using w = await tokenWorld();
  const answers = await Promise.all(Array.from({ length: 40 }, () => w.login("ann", "guess")));
  const statuses = Map.groupBy(answers, ({ status }) => status);
  assert.deepEqual([...statuses.keys()].sort(), [401, 429]);
  assert.equal(statuses.get(429)?.[0]?.headers.get("retry-after"), "1");
  assert.equal((await w.login("ann")).status, 200);
});

test("a browser's form gets the token as a cookie", tokens, async () => {
  await using w = await tokenWorld();
  const { status, headers } = await w.post("/auth/authenticate", "username=ann&password=secret");
  const cookie = headers.get("set-cookie") ?? "";
  assert.equal(status, 303);
  assert.match(cookie, /^ligato-rest-auth=[^;]+; Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict$/);
  assert.equal(await w.get("/dump", undefined, { headers: { cookie: cookie.slice(0, cookie.indexOf(";")) } }), 200);
});

test("users that cannot work are refused at the start", tokens, async () => {
  const user = { name: "ann", passwordHash: await hashOf("x"), permissions: ["admin"] };
  await assert.rejects(serve({ tokens: { users: [user, user] } }), { message: /user "ann" occurs twice/ });
  await assert.rejects(serve({ tokens: { users: [{ ...user, permissions: ["root"] }] } }), {
    message: /user "ann" has the permission "root"; there are admin, info/,
  });
  await assert.rejects(serve({ tokens: { users: [{ ...user, passwordHash: "$nonsense$" }] } }), {
    code: "UNSUPPORTED",
  });
});

test("more requests than the limit answer 429 with the time to wait, wrong passwords counted too", async () => {
  const clock = new FakeClock();
  await using server = await serve({ clock, basicAuth: ["ann:secret"], rateLimit: { perSecond: 2, burst: 3 } });
  const get = async (pair: string) => {
    const response = await fetch(`${server.url}/dump`, { headers: { authorization: `Basic ${btoa(pair)}` } });
    return [
      response.status,
      response.headers.get("retry-after"),
      response.headers.get("x-ligato-ratelimiter-maxburst"),
    ];
  };
  const all = [];
  for (let i = 0; i < 4; i++) all.push(await get("ann:secret"));
  assert.deepEqual(all, [
    [200, null, "3"],
    [200, null, "3"],
    [200, null, "3"],
    [429, "1", "3"],
  ]);
  await clock.advance(500);
  assert.deepEqual([(await get("ann:secret"))[0], (await get("ann:secret"))[0]], [200, 429]);
  const guesses = [];
  for (let i = 0; i < 4; i++) guesses.push((await get("ann:guess"))[0]);
  assert.deepEqual(guesses, [401, 401, 401, 429]);
});

test("a rate limiter fills up again, no higher than its burst, each client for itself", async () => {
  const clock = new FakeClock();
  const limiter = new RateLimiter({ perSecond: 10, burst: 2 }, clock);
  const take = (client: string) => limiter.take(client) === 0;
  assert.deepEqual([take("a"), take("a"), take("a"), take("b")], [true, true, false, true]);
  assert.equal(limiter.take("a"), 100);
  await clock.advance(60_000);
  assert.deepEqual([take("a"), take("a"), take("a")], [true, true, false]);
});

const fetchTls = (url: string, options: { ca: string; cert?: string; key?: string; auth?: string }) =>
  new Promise<number | string>((resolve) => {
    const call = request(`${url.replace("127.0.0.1", "localhost")}/dump`, { ...options, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    call.end();
  });

test("over TLS only clients that trust the server are connected, and with client-cert-files only those with a certificate", async () => {
  const [ca, other] = [await createTestCa(), await createTestCa({ trustDomain: "other" })];
  await using open = await serve({ tls: await pemOf(ca, "/agent"), basicAuth: ["ann:secret"] });
  assert.deepEqual(
    [
      await fetchTls(open.url, { ca: rootOf(ca), auth: "ann:secret" }),
      await fetchTls(open.url, { ca: rootOf(ca), auth: "ann:wrong" }),
      await fetchTls(open.url, { ca: rootOf(other), auth: "ann:secret" }),
    ],
    [200, 401, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  );
  await using closed = await serve({ tls: { ...(await pemOf(ca, "/agent")), clientCas: [rootOf(ca)] } });
  const [known, stranger] = [await pemOf(ca, "/client"), await pemOf(other, "/client")];
  assert.equal(await fetchTls(closed.url, { ca: rootOf(ca), ...known }), 200);
  for (const client of [stranger, {}])
    assert.match(String(await fetchTls(closed.url, { ca: rootOf(ca), ...client })), /^(ERR_SSL|ECONNRESET|EPIPE)/);
});
