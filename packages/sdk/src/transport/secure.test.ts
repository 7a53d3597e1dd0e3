import assert from "node:assert/strict";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import tls from "node:tls";
import { create } from "@bufbuild/protobuf";
import {
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { Deferred, mustExist } from "@nsmkit/core";
import { RecordingLogger } from "@nsmkit/core/testing";
import { insecureIdentity, type Svid, type SvidSource, spiffeIdentity } from "../identity/index.ts";
import { createTestCa, type IssueOptions, type TestCa } from "../testing/ca.ts";
import { bindService, dial, type Identity, inodeUrl, listen, type Peer } from "./index.ts";

const ca = await createTestCa();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-secure-"));
});
after(() => rm(folder, { recursive: true }));

const identify = (options: IssueOptions, from: TestCa = ca, federated: TestCa[] = []): Promise<Identity> =>
  spiffeIdentity({ source: from.source(options, federated) });

/** A source that gives what it is told, for identities that no source of ours would accept. */
const unchecked = (svid: Svid): SvidSource =>
  async function* () {
    yield svid;
  };

const request = create(NetworkServiceRequestSchema, { connection: { id: "c" } });
const { request: method } = NetworkService.method;
const callers: Peer[] = [];
const service = bindService(NetworkService, {
  async request(message, call) {
    callers.push(call.peer);
    const url = message.connection?.labels.file;
    if (url) await (await mustExist(call.peer.files, "files").receive(url, { signal: call.signal })).close();
    return { id: "answered" };
  },
  async close() {
    return {};
  },
});

for (const [kind, url] of [
  ["a unix socket", () => `unix://${join(folder, "tls.sock")}`],
  ["TCP", () => "tcp://127.0.0.1:0"],
] as const) {
  describe(`mutual TLS over ${kind}`, () => {
    test("both sides know each other's id and certificate", async () => {
      await using server = await listen([url()], { identity: await identify({ path: "/nsmgr" }), services: [service] });
      await using channel = dial(server.urls[0] ?? "", { identity: await identify({ path: "/nsc" }) });
      const { peer } = await channel.unary(method, request);
      const caller = mustExist(callers.at(-1), "caller");
      assert.equal(peer.spiffeId, "spiffe://test.nsmkit/nsmgr");
      assert.equal(caller.spiffeId, "spiffe://test.nsmkit/nsc");
      assert.deepEqual(peer.certificate, caller.localCertificate);
      assert.deepEqual(peer.localCertificate, caller.certificate);
    });

    test("a client of a foreign trust domain is refused", async () => {
      const logger = new RecordingLogger();
      const identity = await identify({ path: "/nsmgr" });
      await using server = await listen([url()], { identity, services: [service], logger });
      const foreign = await createTestCa({ trustDomain: "foreign" });
      // The client itself would trust the server.
      const stranger = await identify({ path: "/nsc" }, foreign, [ca]);
      await using channel = dial(server.urls[0] ?? "", { identity: stranger });
      await assert.rejects(channel.unary(method, request), { code: "UNAVAILABLE" });
      const refused = mustExist(
        logger.lines.find((line) => line.message === "connection refused"),
        "log line",
      );
      assert.match(String(refused.fields.reason), /not trusted/);
    });

    test("a server of a foreign trust domain is refused", async () => {
      const foreign = await createTestCa({ trustDomain: "foreign" });
      const identity = await identify({ path: "/nsmgr" }, foreign, [ca]);
      await using server = await listen([url()], { identity, services: [service] });
      await using channel = dial(server.urls[0] ?? "", { identity: await identify({ path: "/nsc" }) });
      await assert.rejects(channel.unary(method, request), { code: "UNAUTHENTICATED", message: /not trusted/ });
    });

    test("federated trust domains reach each other", async () => {
      const foreign = await createTestCa({ trustDomain: "foreign" });
      const identity = await identify({ path: "/nsmgr" }, ca, [foreign]);
      await using server = await listen([url()], { identity, services: [service] });
      const stranger = await identify({ path: "/nsc" }, foreign, [ca]);
      await using channel = dial(server.urls[0] ?? "", { identity: stranger });
      await channel.unary(method, request);
      assert.equal(callers.at(-1)?.spiffeId, "spiffe://foreign/nsc");
    });

    test("a federated domain's root cannot vouch for an id of ours", async () => {
      const foreign = await createTestCa({ trustDomain: "foreign" });
      const identity = await identify({ path: "/nsmgr" }, ca, [foreign]);
      await using server = await listen([url()], { identity, services: [service] });
      const liar = await identify({ path: "/nsc", uris: ["spiffe://test.nsmkit/nsc"] }, foreign, [ca]);
      // It has to trust the server under the name it claims.
      const trusting = await spiffeIdentity({
        source: unchecked({
          ...(await foreign.svid({ path: "/x", uris: ["spiffe://test.nsmkit/nsc"] })),
          bundles: new Map([["test.nsmkit", [ca.root]]]),
        }),
      });
      await using one = dial(server.urls[0] ?? "", { identity: trusting });
      await assert.rejects(one.unary(method, request), { code: "UNAVAILABLE" });
      await liar.close();
    });

    for (const [what, options] of [
      ["that ended", { path: "/nsc", lifeMs: -1000 }],
      ["with two URIs", { path: "/nsc", uris: ["spiffe://test.nsmkit/a", "spiffe://test.nsmkit/b"] }],
      ["with a URI that is no SPIFFE id", { path: "/nsc", uris: ["https://test.nsmkit/a"] }],
      ["without a workload path", { path: "/nsc", uris: ["spiffe://test.nsmkit"] }],
    ] as const) {
      test(`a certificate ${what} is refused by both sides`, async () => {
        const { certificate, key } = await ca.issue(options);
        const wrong = await spiffeIdentity({
          source: unchecked({
            spiffeId: "spiffe://test.nsmkit/nsc",
            chain: [certificate],
            privateKey: key,
            bundles: new Map([["test.nsmkit", [ca.root]]]),
          }),
        });
        const right = await identify({ path: "/right" });
        await using server = await listen([url()], { identity: right, services: [service] });
        await using asClient = dial(server.urls[0] ?? "", { identity: wrong });
        await assert.rejects(asClient.unary(method, request), { code: "UNAVAILABLE" });
        await server.close();
        await using wrongServer = await listen([url()], { identity: wrong, services: [service] });
        await using asServer = dial(wrongServer.urls[0] ?? "", { identity: right });
        await assert.rejects(asServer.unary(method, request), { code: "UNAUTHENTICATED" });
      });
    }

    test("a client without TLS or without a certificate is refused", async () => {
      const identity = await identify({ path: "/nsmgr" });
      await using server = await listen([url()], { identity, services: [service] });
      const target = server.urls[0] ?? "";
      await using plain = dial(target, { identity: insecureIdentity({ name: "x" }) });
      await assert.rejects(plain.unary(method, request), { code: "UNAVAILABLE" });
      const where = target.startsWith("unix://")
        ? { path: target.slice(7) }
        : { host: "127.0.0.1", port: Number(new URL(target).port) };
      const bare = tls.connect({
        ...where,
        ca: ca.root.toString(),
        ALPNProtocols: ["h2"],
        checkServerIdentity: () => undefined,
      });
      bare.on("error", () => {});
      await new Promise((resolve) => bare.once("close", resolve).resume());
    });
  });
}

test("a TLS client is told by the error when the server does not speak TLS", async () => {
  const identity = insecureIdentity({ name: "x" });
  await using server = await listen(["tcp://127.0.0.1:0"], { identity, services: [service] });
  await using channel = dial(server.urls[0] ?? "", { identity: await identify({ path: "/nsc" }) });
  await assert.rejects(channel.unary(method, request), { code: "UNAVAILABLE", message: /TLS handshake/ });
});

test("TLS below 1.2 and peers without ALPN are refused", async () => {
  const identity = await identify({ path: "/nsmgr" });
  await using server = await listen(["tcp://127.0.0.1:0"], { identity, services: [service] });
  const { certificate, key } = await ca.issue({ path: "/nsc" });
  const base = {
    host: "127.0.0.1",
    port: Number(new URL(server.urls[0] ?? "").port),
    cert: certificate.toString(),
    key: key.export({ type: "pkcs8", format: "pem" }),
    ca: ca.root.toString(),
    checkServerIdentity: () => undefined,
  };
  for (const options of [
    {
      ...base,
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    } as const,
    base,
  ]) {
    const socket = tls.connect(options);
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve).resume());
  }
  assert.equal(
    callers.some((peer) => peer.spiffeId === undefined && peer.certificate !== undefined),
    false,
  );
});

test("files pass below TLS, and none of a thousand calls leaves a descriptor behind", async () => {
  const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
  const server = await listen([`unix://${join(folder, "fds.sock")}`], {
    identity: await identify({ path: "/nsmgr" }),
    services: [service],
  });
  const path = "/proc/self/ns/net";
  const message = create(NetworkServiceRequestSchema, { connection: { id: "c", labels: { file: inodeUrl(path) } } });
  const identity = await identify({ path: "/nsc" });
  const run = async (count: number): Promise<void> => {
    await using channel = dial(server.urls[0] ?? "", { identity });
    const signal = AbortSignal.timeout(30_000);
    for (let n = 0; n < count; n += 10) {
      await Promise.all(Array.from({ length: 10 }, () => channel.unary(method, message, { files: [path], signal })));
    }
  };
  await run(10);
  const before = await openFiles();
  await run(1000);
  assert.equal(await openFiles(), before);
  await server.close();
});

test("after a rotation new connections use the new certificate and running streams stay", async () => {
  const first = await ca.svid({ path: "/nsc" });
  const second = await ca.svid({ path: "/nsc" });
  const gate = new Deferred<void>();
  const source: SvidSource = async function* () {
    yield first;
    await gate.promise;
    yield second;
  };
  const events = [new Deferred<void>(), new Deferred<void>()];
  const monitor = bindService(MonitorConnection, {
    async *monitorConnections() {
      for (const { promise } of events) {
        await promise;
        yield {};
      }
    },
  });
  await using identity = await spiffeIdentity({ source });
  await using server = await listen(["tcp://127.0.0.1:0"], {
    identity: await identify({ path: "/nsmgr" }),
    services: [service, monitor],
  });
  await using channel = dial(server.urls[0] ?? "", { identity });
  await channel.unary(method, request);
  assert.deepEqual(callers.at(-1)?.certificate, first.chain[0].raw);
  const all = create(MonitorScopeSelectorSchema);
  const stream = channel.serverStream(MonitorConnection.method.monitorConnections, all)[Symbol.asyncIterator]();
  events[0]?.resolve();
  assert.equal((await stream.next()).done, false);
  const rotated = new Promise<void>((resolve) => identity.tls?.onRotated(resolve));
  gate.resolve();
  await rotated;
  await channel.unary(method, request);
  assert.deepEqual(callers.at(-1)?.certificate, second.chain[0].raw);
  events[1]?.resolve();
  assert.equal((await stream.next()).done, false);
  assert.equal((await stream.next()).done, true);
});

test("Node tells whether a client's certificate is trusted; without that no client would be let in", async () => {
  const { certificate, key } = await ca.issue({ path: "/nsmgr" });
  const server = tls.createServer({ cert: certificate.toString(), key: key.export({ type: "pkcs8", format: "pem" }) });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  const handle = Reflect.get(socket, "_handle") as { verifyError(): unknown };
  assert.ok(handle.verifyError() instanceof Error);
  socket.destroy();
  server.close();
});

test("a connection is renewed when half of its certificate's life is over", async () => {
  await using server = await listen(["tcp://127.0.0.1:0"], {
    identity: await identify({ path: "/nsmgr" }),
    services: [service],
  });
  await using channel = dial(server.urls[0] ?? "", { identity: await identify({ path: "/nsc", lifeMs: 3000 }) });
  const peers = new Set<Peer>();
  const until = performance.now() + 2200;
  for (; performance.now() < until && peers.size < 2; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const { peer } = await channel.unary(method, request);
    peers.add(peer);
  }
  assert.equal(peers.size, 2);
});

test("a client that stops in the middle of the TLS handshake does not keep the server from closing", async () => {
  const server = await listen(["tcp://127.0.0.1:0"], {
    identity: await identify({ path: "/nsmgr" }),
    services: [service],
  });
  const socket = net.connect(Number(new URL(server.urls[0] ?? "").port), "127.0.0.1");
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.write(Buffer.from("160301", "hex"));
  const closed = new Promise((resolve) => socket.once("close", resolve).resume());
  await server.close();
  await closed;
});

test("the socket below a file path is reached through /proc", async () => {
  const identity = await identify({ path: "/nsmgr" });
  const path = join(folder, "nse.sock");
  await using server = await listen([`unix://${path}`], { identity, services: [service] });
  const { open } = await import("node:fs/promises");
  const O_PATH = 0o10000000;
  const handle = await open(path, O_PATH);
  try {
    const link = `/proc/${process.pid}/fd/${handle.fd}`;
    assert.equal(await readlink(link), path);
    await using channel = dial(`unix://${link}`, { identity });
    await channel.unary(method, request);
  } finally {
    await handle.close();
  }
  assert.equal(server.urls.length, 1);
});
