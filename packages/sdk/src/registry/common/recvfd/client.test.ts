import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { Context, chain } from "../../../chain/index.ts";
import { timestampOf } from "../../../networkservice/core/connection.ts";
import type { Channel, FileTransceiver } from "../../../transport/index.ts";
import { type NseHandler, type NseKind, nseRules } from "../../core/kinds.ts";
import { memoryEndpoints } from "../../memory/registry.ts";
import { contextFor, endpoint, FakeFiles, foundEndpoints } from "../../testing/calls.ts";
import { serverKey } from "../connect/server-key.ts";
import { sendFdClient } from "../sendfd/client.ts";
import { recvFdClient } from "./client.ts";

/** A client's chain over a registry that is right below it, as if connected by a unix socket. */
function setUp(files: FileTransceiver | undefined, behind: NseHandler = memoryEndpoints()) {
  const clock = new FakeClock();
  const client = chain<NseKind>([recvFdClient({ clock }), sendFdClient()], behind);
  const channel = {} as Channel;
  const peer = { transport: "unix" as const, address: "unix:///test", ...(files && { files }) };
  const over = (ctx: Context) => ctx.with(serverKey, { channel, peer });
  const ctx = over(contextFor(clock));
  return { clock, client, behind, ctx, over };
}

describe("files of endpoints that a client finds", () => {
  const entry = { name: "nse", url: "inode://1/7", networkServiceNames: ["s"] };

  test("become paths of this process; the same file is taken once", async () => {
    const files = new FakeFiles();
    const { client, behind, ctx } = setUp(files);
    await behind.request(ctx, endpoint(entry));
    for (let i = 0; i < 3; i++) assert.equal((await foundEndpoints(client, ctx))[0]?.url, "unix:///proc/1/fd/100");
    assert.equal(files.received, 1);
  });

  test("an endpoint whose file does not come is left out after two seconds, the others are not", async () => {
    const files: FileTransceiver = {
      send: async () => "",
      receive: (_url, { signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
    };
    const { clock, client, behind, ctx } = setUp(files);
    await behind.request(ctx, endpoint(entry));
    await behind.request(ctx, endpoint({ name: "other", url: "tcp://10.0.0.1:1" }));
    const found = foundEndpoints(client, ctx);
    await clock.advance(2_000);
    assert.deepEqual(
      (await found).map(({ name }) => name),
      ["other"],
    );
  });

  test("are closed some time after the endpoint is deleted, or long after it was last heard of", async () => {
    const files = new FakeFiles();
    const { clock, client, behind, over } = setUp(files);
    const stop = new AbortController();
    const watching = over(new Context({ signal: stop.signal, clock }));
    const urls: string[] = [];
    const over1 = (async () => {
      for await (const { networkServiceEndpoint, deleted } of client.find(watching, nseRules.query(endpoint({}), true)))
        urls.push(`${deleted ? "-" : "+"}${networkServiceEndpoint?.url}`);
    })();
    await behind.request(watching, endpoint({ ...entry, expirationTime: timestampOf(60_000) }));
    await behind.request(watching, endpoint({ ...entry, name: "gone", url: "inode://1/8" }));
    await clock.advance(0);
    await behind.close(watching, endpoint({ name: "gone" }));
    await clock.advance(0);
    assert.deepEqual(urls, ["+unix:///proc/1/fd/100", "+unix:///proc/1/fd/101", "-unix:///proc/1/fd/101"]);
    assert.equal(files.open.size, 2, "the numbers are not free yet");
    await clock.advance(600_000);
    assert.deepEqual([...files.open], ["/proc/1/fd/100"], "silent for its expiration and a minute, then lingering");
    await clock.advance(200_000);
    assert.equal(files.open.size, 0);
    stop.abort();
    await over1;
    assert.equal(clock.pendingTimers, 0);
  });

  test("stopping closes all at once", async () => {
    const files = new FakeFiles();
    const { clock, client, behind, ctx } = setUp(files);
    await behind.request(ctx, endpoint(entry));
    await foundEndpoints(client, ctx);
    await client.stop();
    assert.deepEqual([files.open.size, clock.pendingTimers], [0, 0]);
  });

  test("without a connection that carries files, entries pass as they are", async () => {
    const { client, behind, ctx } = setUp(undefined);
    await behind.request(ctx, endpoint(entry));
    assert.equal((await foundEndpoints(client, ctx))[0]?.url, "inode://1/7");
  });
});

describe("the file of an endpoint that registers", () => {
  test("goes along with its entry, and the answer has the own URL again", async () => {
    const { client, behind, ctx } = setUp(new FakeFiles());
    const reply = await client.request(ctx, endpoint({ name: "nse", url: "unix:///nse.sock" }));
    const [stored] = await foundEndpoints(behind, ctx);
    assert.deepEqual([reply.url, stored?.url], ["unix:///nse.sock", "inode://1/1"]);
  });

  test("a socket that is gone does not keep the endpoint from unregistering", async () => {
    const { client, behind, ctx } = setUp(new FakeFiles());
    await behind.request(ctx, endpoint({ name: "nse", url: "inode://1/1" }));
    await client.close(ctx, endpoint({ name: "nse", url: "unix:///gone.sock" }));
    assert.equal((await foundEndpoints(behind, ctx)).length, 0);
  });

  test("abstract sockets and addresses have no file to send", async () => {
    const { client, behind, ctx } = setUp(new FakeFiles());
    for (const url of ["unix://@nse", "tcp://10.0.0.1:1"]) {
      await client.request(ctx, endpoint({ name: "nse", url }));
      assert.equal((await foundEndpoints(behind, ctx))[0]?.url, url);
    }
  });
});
