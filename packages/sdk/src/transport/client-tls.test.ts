import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import tls from "node:tls";
import { create } from "@bufbuild/protobuf";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { RecordingLogger } from "@nsmkit/core/testing";
import { insecureIdentity } from "../identity/index.ts";
import { createTestCa, type IssueOptions } from "../testing/ca.ts";
import { bindService, type Channel, dial, type ListenOptions, listen, type Peer, type Server } from "./index.ts";

const [ca, otherCa] = [await createTestCa(), await createTestCa({ trustDomain: "other" })];
const roots = ca.root.toString();
const identity = insecureIdentity({ name: "test" });
const pem = async (issuer: typeof ca, options: Partial<IssueOptions> = {}) => {
  const { certificate, key } = await issuer.issue({ path: "/x", uris: [], ...options });
  return { cert: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }).toString() };
};
const own = await pem(ca, { hosts: ["127.0.0.1", "localhost"] });

let caller: Peer | undefined;
const services = [
  bindService(NetworkService, {
    async request(_, call) {
      caller = call.peer;
      return { id: "answered" };
    },
    close: async () => ({}),
  }),
];
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-client-tls-"));
});
after(() => rm(folder, { recursive: true }));

const portOf = (server: Server): number => Number(new URL(server.urls[0] ?? "").port);
const request = create(NetworkServiceRequestSchema);
async function ask(channel: Channel): Promise<string> {
  return (await channel.unary(NetworkService.method.request, request, { timeoutMs: 5000 })).message.id;
}
const open = (server: Server, context: tls.SecureContextOptions): Channel =>
  dial(server.urls[0] ?? "", { identity, serverTls: { secureContext: tls.createSecureContext(context) } });

for (const [kind, url] of [
  ["a unix socket", () => `unix://${join(folder, "s.sock")}`],
  ["TCP", () => "tcp://127.0.0.1:0"],
] as const) {
  describe(`TLS with clients outside the mesh over ${kind}`, () => {
    const serve = (options: Partial<ListenOptions> = {}): Promise<Server> =>
      listen([url()], { identity, services, clientTls: own, ...options });

    test("a client is served without a certificate, if it trusts ours", async () => {
      await using server = await serve();
      await using channel = open(server, { ca: roots });
      assert.equal(await ask(channel), "answered");
      assert.deepEqual([caller?.certificate, caller?.spiffeId, caller?.files], [undefined, undefined, undefined]);
      await using wary = open(server, { ca: otherCa.root.toString() });
      await assert.rejects(ask(wary), { code: "UNAUTHENTICATED" });
    });

    test("a client in the clear is refused", async () => {
      await using server = await serve();
      await using channel = dial(server.urls[0] ?? "", { identity });
      await assert.rejects(ask(channel), { code: "UNAVAILABLE" });
    });

    test("with authorities for clients, only a certificate of theirs opens the door", async () => {
      const logger = new RecordingLogger();
      await using server = await serve({ clientTls: { ...own, clientCas: [roots] }, logger });
      const known = await pem(ca);
      await using channel = open(server, { ca: roots, ...known });
      assert.equal(await ask(channel), "answered");
      assert.ok(caller?.certificate && Buffer.from(caller.certificate).equals(new X509Certificate(known.cert).raw));
      for (const strange of [{}, await pem(otherCa), await pem(ca, { lifeMs: -1000 })]) {
        await using stranger = open(server, { ca: roots, ...strange });
        await assert.rejects(ask(stranger));
      }
      const refused = logger.lines.filter(({ message }) => message === "connection refused");
      assert.ok(refused.length >= 3);
      assert.match(String(refused[0]?.fields.reason), /peer did not return a certificate/);
      assert.ok(refused.some(({ fields }) => /not trusted/.test(String(fields.reason))));
    });
  });
}

test("no authority at all lets nobody in", async () => {
  await using server = await listen(["tcp://127.0.0.1:0"], {
    identity,
    services,
    clientTls: { ...own, clientCas: [] },
  });
  await using channel = open(server, { ca: roots, ...(await pem(ca)) });
  await assert.rejects(ask(channel));
});

test("a client that does not agree on HTTP/2, or only on an old TLS, is refused", async () => {
  await using server = await listen(["tcp://127.0.0.1:0"], { identity, services, clientTls: own });
  for (const options of [
    { ALPNProtocols: ["http/1.1"] },
    {},
    { ALPNProtocols: ["h2"], minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
  ] as const) {
    const socket = tls.connect({ port: portOf(server), host: "127.0.0.1", ca: roots, ...options });
    socket.on("error", () => {});
    socket.resume();
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  }
  await using channel = open(server, { ca: roots });
  assert.equal(await ask(channel), "answered");
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`a client that resumes its session is served, and asked for no second certificate (${version})`, async () => {
    await using server = await listen(["tcp://127.0.0.1:0"], {
      identity,
      services,
      clientTls: { ...own, clientCas: [roots] },
    });
    const known = await pem(ca);
    const visit = async (session?: Buffer): Promise<{ session: Buffer | undefined; reused: boolean }> => {
      let latest: Buffer | undefined;
      const socket = tls.connect({
        port: portOf(server),
        host: "127.0.0.1",
        ca: roots,
        ...known,
        ALPNProtocols: ["h2"],
        minVersion: version,
        maxVersion: version,
        ...(session ? { session } : {}),
      });
      socket.on("session", (bytes) => {
        latest = bytes;
      });
      await once(socket, "secureConnect");
      const client = http2.connect("https://localhost", { createConnection: () => socket });
      await once(client, "remoteSettings");
      const reused = socket.isSessionReused();
      latest ??= socket.getSession();
      await new Promise<void>((resolve) => client.close(resolve));
      return { session: latest, reused };
    };
    const first = await visit();
    assert.equal(first.reused, false);
    assert.equal((await visit(first.session)).reused, true);
  });
}

test("a certificate that is none, or has another key, is told before anything listens", async () => {
  const another = await pem(ca);
  for (const clientTls of [
    { ...own, cert: "no PEM" },
    { ...own, key: another.key },
    { ...own, clientCas: ["none"] },
  ]) {
    await assert.rejects(listen(["tcp://127.0.0.1:0"], { identity, services, clientTls }), {
      code: "INVALID_ARGUMENT",
      message: /TLS for clients/,
    });
  }
});
