import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Etcd, openEtcd, outcomeUnknown, prefix, textOf } from "@nsmkit/agent/etcd";
import { etcdCases } from "@nsmkit/agent/testing";
import { type CodedError, isCodedError } from "@nsmkit/core";
import { LossyRelay } from "./relay.ts";
import { EtcdServer } from "./server.ts";
import { coded, pause, skip, until } from "./support.ts";

describe("the etcd client and a real server", skip, () => {
  let server: EtcdServer;
  let etcd: Etcd;
  before(async () => {
    server = await EtcdServer.start();
    etcd = openEtcd({ endpoints: [server.endpoint] });
  });
  after(async () => {
    await etcd.close();
    await server.close();
  });

  for (const [index, { title, run }] of etcdCases.entries()) test(title, () => run(etcd, `/case${index}/`));

  test("lists and revisions larger than gRPC's usual message arrive whole", async () => {
    const value = Buffer.alloc(1_000_000, "x");
    for (let n = 0; n < 9; n++) await etcd.put(`/big/${n}`, value);
    const { kvs, revision } = await etcd.list(prefix("/big/"));
    assert.equal(kvs.length, 9);
    assert.ok(kvs.every((kv) => kv.value.length === value.length));
    let told = 0;
    for await (const update of etcd.watch(prefix("/big/"), { fromRevision: revision - 8n })) {
      if (update.kind === "events") told += update.events.length;
      if (told === 9) break;
    }
    await etcd.delete(prefix("/big/"));
  });

  test("writes that cannot have been sent are no mystery, those without an answer are", async () => {
    await using other = await EtcdServer.start();
    await using client = openEtcd({ endpoints: [other.endpoint], operationTimeoutMs: 400 });
    await client.put("a", "1");
    await other.pause();
    await assert.rejects(client.put("a", "2"), (error) => outcomeUnknown(error) && !(error as CodedError).retryable);
    await assert.rejects(client.get("a"), (error) => isCodedError(error, "UNAVAILABLE") && !outcomeUnknown(error));
    const guarded = { compare: [{ key: "b", version: 0n }], success: [{ put: "b", value: "" }] };
    await assert.rejects(client.txn(guarded), outcomeUnknown);
    other.resume();
    // Whether the write was done is unknown indeed: the server may have heard of its end first.
    await until("an answer", () =>
      client.get("a").then(
        (kv) => kv !== undefined,
        () => false,
      ),
    );
    await other.stop();
    await assert.rejects(client.put("a", "3"), (error) => isCodedError(error, "UNAVAILABLE") && !outcomeUnknown(error));
  });

  test("a guarded transaction whose first answer was lost is sent again, and its refusal is not believed", async () => {
    await using relay = await LossyRelay.open(Number(server.endpoint.split(":")[1]));
    await using client = openEtcd({ endpoints: [relay.endpoint], operationTimeoutMs: 2000 });
    await client.get("x");
    relay.swallowNextAnswer();
    const txn = { compare: [{ key: "/lost", version: 0n }], success: [{ put: "/lost", value: "mine" }] };
    await assert.rejects(client.txn(txn), outcomeUnknown);
    assert.equal(textOf((await etcd.get("/lost"))?.value ?? Buffer.of()), "mine");
  });

  test("another endpoint takes over when one is gone or hangs", async () => {
    await using first = await EtcdServer.start();
    await using second = await EtcdServer.start();
    await using client = openEtcd({
      endpoints: ["127.0.0.1:1", first.endpoint, second.endpoint],
      operationTimeoutMs: 1500,
    });
    await client.put("a", "first");
    await first.pause();
    // Two clusters, so that the answer tells which one gave it.
    assert.equal(await client.get("a"), undefined);
    await client.put("a", "second");
    first.resume();
    assert.equal(textOf((await client.get("a"))?.value ?? Buffer.of()), "second");
  });

  test("a watch on a server that stands still is given up", { timeout: 30_000 }, async () => {
    await using other = await EtcdServer.start();
    await using client = openEtcd({ endpoints: [other.endpoint], operationTimeoutMs: 500 });
    const watch = client.watch(prefix("/"))[Symbol.asyncIterator]();
    await watch.next();
    await other.pause();
    await assert.rejects(async () => watch.next(), coded("UNAVAILABLE"));
  });

  test("a unix socket is as good as an address", async () => {
    await using client = openEtcd({ endpoints: [server.unixEndpoint] });
    await client.put("/unix", "1");
    assert.equal(textOf((await etcd.get("/unix"))?.value ?? Buffer.of()), "1");
  });

  test("a client that is closed ends its watches and refuses calls", async () => {
    const client = openEtcd({ endpoints: [server.endpoint] });
    const watch = client.watch(prefix("/"))[Symbol.asyncIterator]();
    await watch.next();
    const waiting = assert.rejects(async () => watch.next(), coded("CLOSED"));
    await client.close();
    await waiting;
    await assert.rejects(client.get("a"), coded("CLOSED"));
  });

  test("a full store is RESOURCE_EXHAUSTED, and reads go on", async () => {
    await using small = await EtcdServer.start({ flags: ["--quota-backend-bytes", "200000"] });
    await using client = openEtcd({ endpoints: [small.endpoint] });
    await assert.rejects(async () => {
      for (let n = 0; n < 1000; n++) {
        await client.put(`/fill/${n}`, Buffer.alloc(20_000));
        // The size is that of the last commit to disk.
        await pause(2);
      }
    }, coded("RESOURCE_EXHAUSTED"));
    assert.ok((await client.list(prefix("/fill/"))).kvs.length > 0);
  });

  test("users: none, a wrong one, one with a right, and a token that ends", { timeout: 60_000 }, async () => {
    await using guarded = await EtcdServer.start({ flags: ["--auth-token-ttl", "1"] });
    await guarded.admin("/v3/auth/user/add", { name: "root", password: "secret" });
    await guarded.admin("/v3/auth/user/grant", { user: "root", role: "root" }).catch(async () => {
      await guarded.admin("/v3/auth/role/add", { name: "root" });
      await guarded.admin("/v3/auth/user/grant", { user: "root", role: "root" });
    });
    await guarded.admin("/v3/auth/user/add", { name: "agent", password: "pass" });
    await guarded.admin("/v3/auth/role/add", { name: "agents" });
    const [key, range_end] = ["/vnf-agent/", "/vnf-agent0"].map((text) => Buffer.from(text).toString("base64"));
    await guarded.admin("/v3/auth/role/grant", { name: "agents", perm: { permType: "READWRITE", key, range_end } });
    await guarded.admin("/v3/auth/user/grant", { user: "agent", role: "agents" });
    await guarded.admin("/v3/auth/enable", {});
    const endpoints = [guarded.endpoint];

    await using nobody = openEtcd({ endpoints });
    await assert.rejects(
      nobody.get("a"),
      (error) => isCodedError(error, "UNAUTHENTICATED") && /user/.test(error.message),
    );
    await using stranger = openEtcd({ endpoints, user: "agent", password: "wrong" });
    await assert.rejects(stranger.get("a"), coded("UNAUTHENTICATED"));
    await using agent = openEtcd({ endpoints, user: "agent", password: "pass" });
    await agent.put("/vnf-agent/x", "1");
    await assert.rejects(agent.put("/other", "1"), coded("PERMISSION_DENIED"));
    await assert.rejects(async () => {
      for await (const _ of agent.watch(prefix("/other")));
    }, coded("PERMISSION_DENIED"));
    // Simple tokens end after their time unless they are used.
    await pause(3000);
    assert.equal(textOf((await agent.get("/vnf-agent/x"))?.value ?? Buffer.of()), "1");
    const { id } = await agent.leaseGrant(5);
    await pause(3000);
    assert.equal(await agent.leaseKeepAlive(id).catch(() => agent.leaseKeepAlive(id)), 5);
  });
});
