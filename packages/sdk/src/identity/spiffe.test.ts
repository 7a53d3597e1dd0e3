import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Deferred } from "@nsmkit/core";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import { createTestCa } from "../testing/ca.ts";
import { fakeWorkloadApi } from "../testing/workload.ts";
import { pemFiles } from "./pem.ts";
import { spiffeIdentity } from "./spiffe.ts";
import type { Svid, SvidSource } from "./svid.ts";
import { parseToken, verifyToken } from "./token.ts";
import { workloadApi } from "./workload.ts";

const ca = await createTestCa();
const peerId = "spiffe://test.nsmkit/nsmgr";
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nsmkit-identity-"));
});
after(() => rm(folder, { recursive: true }));

/** A source under the test's control. */
function steered(first: Svid): { source: SvidSource; rotate(svid: Svid): void } {
  let next = new Deferred<Svid>();
  return {
    rotate(svid) {
      const before = next;
      next = new Deferred();
      before.resolve(svid);
    },
    async *source({ signal }) {
      yield first;
      const over = new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
      for (;;) {
        const svid = await Promise.race([next.promise, over]);
        if (!svid) return;
        yield svid;
      }
    },
  };
}

test("a token names us, one audience and an end within its life, signed by our key", async () => {
  const clock = new FakeClock(Date.now());
  const svid = await ca.svid({ path: "/nsc" });
  await using identity = await spiffeIdentity({ source: steered(svid).source, clock, tokenLifeMs: 60_000 });
  const { token, expiresMs } = await identity.token({ spiffeId: peerId });
  assert.equal(expiresMs, Math.floor((clock.now() + 60_000) / 1000) * 1000);
  assert.deepEqual(verifyToken(token, svid.chain[0].raw), {
    spiffeId: "spiffe://test.nsmkit/nsc",
    audience: [peerId],
    expiresMs,
    algorithm: "ES256",
  });
});

test("a token ends with our certificate, its expiry also with the peer's", async () => {
  const svid = await ca.svid({ path: "/nsc", lifeMs: 30_000 });
  const peer = await ca.issue({ path: "/nsmgr", lifeMs: 10_000 });
  await using identity = await spiffeIdentity({ source: steered(svid).source });
  const alone = await identity.token({ spiffeId: peerId });
  assert.equal(alone.expiresMs, svid.chain[0].validToDate.getTime());
  const both = await identity.token({ spiffeId: peerId, certificate: peer.certificate.raw });
  assert.equal(both.expiresMs, peer.certificate.validToDate.getTime());
  assert.equal(parseToken(both.token).expiresMs, alone.expiresMs);
});

test("a token is signed once per peer and again when a twentieth of its life is over", async () => {
  const clock = new FakeClock(Date.now());
  const svid = await ca.svid({ path: "/nsc", lifeMs: 3_600_000 });
  await using identity = await spiffeIdentity({ source: steered(svid).source, clock, tokenLifeMs: 600_000 });
  const one = await identity.token({ spiffeId: peerId });
  await clock.advance(29_000);
  assert.equal((await identity.token({ spiffeId: peerId })).token, one.token);
  assert.notEqual((await identity.token({ spiffeId: `${peerId}-2` })).token, one.token);
  await clock.advance(2000);
  assert.notEqual((await identity.token({ spiffeId: peerId })).token, one.token);
});

test("no token is made with a certificate that ended", async () => {
  const clock = new FakeClock(Date.now());
  const svid = await ca.svid({ path: "/nsc", lifeMs: 30_000 });
  await using identity = await spiffeIdentity({ source: steered(svid).source, clock });
  await clock.advance(40_000);
  await assert.rejects(identity.token({ spiffeId: peerId }), { code: "UNAUTHENTICATED", message: /SPIFFE agent/ });
});

test("after a rotation a connection's tokens keep the key of its own certificate, others get the new one", async () => {
  const [old, fresh] = [await ca.svid({ path: "/nsc" }), await ca.svid({ path: "/nsc" })];
  const steering = steered(old);
  await using identity = await spiffeIdentity({ source: steering.source });
  const rotated = new Promise<void>((resolve) => identity.tls?.onRotated(resolve));
  steering.rotate(fresh);
  await rotated;
  const { token } = await identity.token({ spiffeId: peerId });
  verifyToken(token, fresh.chain[0].raw);
  const session = await identity.token({ spiffeId: peerId, localCertificate: Buffer.from(old.chain[0].raw) });
  verifyToken(session.token, old.chain[0].raw);
});

test("a source that fails before the first identity fails the start with its error", async () => {
  const source = pemFiles({ certificate: "/nowhere.pem", key: "/nowhere.key", bundle: "/nowhere.ca" });
  await assert.rejects(spiffeIdentity({ source }), { code: "INVALID_CONFIG", message: /\/nowhere/ });
});

test("waiting for the first identity ends with the signal and leaves nothing behind", async () => {
  let over = false;
  const source: SvidSource = async function* ({ signal }) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    over = true;
  };
  await assert.rejects(spiffeIdentity({ source, signal: AbortSignal.timeout(5) }), { code: "DEADLINE_EXCEEDED" });
  assert.ok(over);
});

test("PEM files give the identity in them", async () => {
  const { certificate, key } = await ca.issue({ path: "/pem" });
  const paths = { certificate: join(folder, "c.pem"), key: join(folder, "k.pem"), bundle: join(folder, "b.pem") };
  await writeFile(paths.certificate, certificate.toString());
  await writeFile(paths.key, key.export({ type: "pkcs8", format: "pem" }));
  await writeFile(paths.bundle, ca.root.toString());
  await using identity = await spiffeIdentity({ source: pemFiles(paths) });
  assert.equal(identity.spiffeId, "spiffe://test.nsmkit/pem");
});

test("a key that is not P-256 or not the certificate's, or a CA as leaf, is refused with the part's name", async () => {
  const cases = [
    { parts: await ca.issue({ path: "/x", namedCurve: "P-384" }), message: /key: it is not EC P-256/ },
    {
      parts: { certificate: (await ca.issue({ path: "/x" })).certificate, key: (await ca.issue({ path: "/x" })).key },
      message: /key: it does not belong/,
    },
    { parts: await ca.issue({ path: "/x", ca: true }), message: /certificate: the first one is a CA/ },
    { parts: await ca.issue({ path: "/x", uris: [] }), message: /certificate: it names no SPIFFE id/ },
  ];
  for (const [at, { parts, message }] of cases.entries()) {
    const paths = {
      certificate: join(folder, `${at}.c`),
      key: join(folder, `${at}.k`),
      bundle: join(folder, `${at}.b`),
    };
    await writeFile(paths.certificate, parts.certificate.toString());
    await writeFile(paths.key, parts.key.export({ type: "pkcs8", format: "pem" }));
    await writeFile(paths.bundle, ca.root.toString());
    await assert.rejects(spiffeIdentity({ source: pemFiles(paths) }), { code: "INVALID_CONFIG", message });
  }
});

test("the Workload API gives identities, follows rotations and survives the agent's restart", async () => {
  const agent = await fakeWorkloadApi(`unix://${join(folder, "agent.sock")}`, await ca.svid({ path: "/one" }));
  try {
    const source = workloadApi({ endpoint: agent.endpoint });
    await using identity = await spiffeIdentity({ source, signal: AbortSignal.timeout(5000) });
    assert.equal(identity.spiffeId, "spiffe://test.nsmkit/one");
    const changed = (): Promise<void> => new Promise((resolve) => identity.tls?.onRotated(resolve));
    let next = changed();
    agent.rotate(await ca.svid({ path: "/two" }));
    await next;
    assert.equal(identity.spiffeId, "spiffe://test.nsmkit/two");
    next = changed();
    agent.interrupt();
    agent.rotate(await ca.svid({ path: "/three" }));
    await next;
    assert.equal(identity.spiffeId, "spiffe://test.nsmkit/three");
    await identity.close();
    assert.equal(agent.streams, 0);
  } finally {
    await agent.close();
  }
});

test("a wrong answer of the agent is logged, and the next right one is taken", async () => {
  const agent = await fakeWorkloadApi(`unix://${join(folder, "wrong.sock")}`);
  const logger = new RecordingLogger();
  try {
    agent.answer({ svids: [{ spiffeId: "spiffe://x/y", x509Svid: new Uint8Array([1, 2, 3]) }] });
    const source = workloadApi({ endpoint: agent.endpoint, logger });
    const starting = spiffeIdentity({ source, signal: AbortSignal.timeout(5000) });
    while (logger.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(String((logger.lines[0]?.fields.error as Error).message), /does not parse/);
    agent.rotate(await ca.svid({ path: "/right" }));
    await using identity = await starting;
    assert.equal(identity.spiffeId, "spiffe://test.nsmkit/right");
  } finally {
    await agent.close();
  }
});
