import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import type { Resource } from "../object.ts";
import { MemoryApiServer } from "../testing/apiserver.ts";
import { servingLifeMs } from "./authority.ts";
import { SelfManagedCertificate, type SelfManagedOptions } from "./self-managed.ts";

const signal = AbortSignal.timeout(30_000);
const secrets: Resource = { group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true };
const certificate = (server: MemoryApiServer, more: Partial<SelfManagedOptions> = {}): SelfManagedCertificate =>
  new SelfManagedCertificate({
    ...{ client: server, namespace: "n", name: "webhook", dnsNames: ["webhook.n.svc"] },
    ...more,
  });

test("a certificate lives in Secrets: whoever comes next serves the same one and writes nothing", async () => {
  const server = new MemoryApiServer();
  const first = await certificate(server).read({ signal });
  const { writes } = server;
  assert.deepEqual(await certificate(server).read({ signal }), first);
  assert.equal(server.writes, writes);
  assert.equal(writes, 2);
});

test("replicas that start together agree on one certificate", async () => {
  const server = new MemoryApiServer();
  const all = await Promise.all(Array.from({ length: 5 }, () => certificate(server).read({ signal })));
  const settled = await certificate(server).read({ signal });
  assert.equal(new Set(all.map((one) => one?.ca)).size, 1);
  assert.equal(settled?.ca, all[0]?.ca);
  assert.ok(all.some((one) => one?.certificate === settled?.certificate));
});

test("it is renewed in time, under the same authority, whoever else renews it too", async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const server = new MemoryApiServer();
  const first = await certificate(server, { clock }).read({ signal });
  await clock.advance(servingLifeMs * 0.7);
  const all = await Promise.all([1, 2, 3].map(() => certificate(server, { clock }).read({ signal })));
  const now = await certificate(server, { clock }).read({ signal });
  assert.notEqual(now?.certificate, first?.certificate);
  assert.equal(now?.ca, first?.ca);
  assert.deepEqual(new Set(all.map((one) => one?.certificate)), new Set([now?.certificate]));
});

test("who may not write waits for what another one makes, and takes it", async () => {
  const server = new MemoryApiServer();
  const follower = certificate(server, { writes: () => false });
  assert.equal(await follower.read({ signal }), undefined);
  assert.equal(server.writes, 0);
  const made = await certificate(server).read({ signal });
  assert.deepEqual(await follower.read({ signal }), made);
});

test("a Secret that was emptied or lost its label is put right, keys of others go", async () => {
  const server = new MemoryApiServer();
  const mine = certificate(server, { labels: { app: "webhook" } });
  const first = await mine.read({ signal });
  const at = { namespace: "n", name: "webhook" };
  await server.mergePatch(secrets, at, { metadata: { labels: null }, data: { "tls.key": null, other: "eA==" } });
  const second = await mine.read({ signal });
  assert.notEqual(second?.certificate, first?.certificate);
  const { metadata, data } = await server.get(secrets, at);
  assert.deepEqual(metadata.labels, { app: "webhook" });
  assert.deepEqual(Object.keys(data as object).sort(), ["ca.crt", "tls.crt", "tls.key"]);
});
