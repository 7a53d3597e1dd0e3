import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { type NseHandler, nseRules, nsRules } from "../core/kinds.ts";
import { memoryEndpoints, memoryServices } from "../memory/registry.ts";
import {
  contextFor,
  endpoint,
  FakeFiles,
  fakeCall,
  fakeIdentity,
  found,
  foundEndpoints,
  service,
} from "../testing/calls.ts";
import { type NsmgrRegistryOptions, nsmgrRegistry } from "./nsmgr.ts";

const publicUrl = "tcp://10.0.0.1:5001";

function setUp(behind: NseHandler | "none" = memoryEndpoints(), place: NsmgrRegistryOptions["place"] = {}) {
  const clock = new FakeClock();
  const close = async (): Promise<void> => {};
  const id = "spiffe://t/nsmgr";
  const base = fakeIdentity(id, clock);
  const identity = { ...base, mode: "insecure" as const, spiffeId: id, close, [Symbol.asyncDispose]: close };
  const store = behind === "none" ? memoryEndpoints() : behind;
  const upstream = { registry: { services: memoryServices(), endpoints: store }, publicUrl: () => publicUrl };
  const registry = nsmgrRegistry({ identity, clock, place, ...(behind !== "none" && { upstream }) });
  const files = new FakeFiles();
  const ctx = (over: { files?: FakeFiles } = {}) => contextFor(clock, fakeCall({ from: "spiffe://t/nse", ...over }));
  return { clock, registry, behind: store, files, ctx };
}

describe("URLs of endpoints", () => {
  test("the registry behind gets the public URL, this node the real one, the endpoint its own back", async () => {
    const { registry, behind, ctx } = setUp();
    const reply = await registry.front.endpoints.request(ctx(), endpoint({ name: "nse", url: "unix:///nse.sock" }));
    assert.equal(reply.url, "unix:///nse.sock");
    const urls = async (handler: NseHandler) => (await foundEndpoints(handler, ctx())).map(({ url }) => url);
    assert.deepEqual(await urls(behind), [publicUrl]);
    assert.deepEqual(await urls(registry.inside.endpoints), ["unix:///nse.sock"]);
    assert.deepEqual(await urls(registry.front.endpoints), ["unix:///nse.sock"]);
  });

  test("entries of other nodes pass, also under a name that is ours; our own that did not register here are hidden", async () => {
    const { registry, behind, ctx } = setUp();
    await registry.front.endpoints.request(ctx(), endpoint({ name: "moved", url: "unix:///moved.sock" }));
    const others = [
      { name: "moved", url: "tcp://10.0.0.2:5001" },
      { name: "other", url: "tcp://10.0.0.2:5001" },
      { name: "before-restart", url: publicUrl },
    ];
    for (const entry of others) await behind.request(ctx(), endpoint(entry));
    const entries = await foundEndpoints(registry.inside.endpoints, ctx());
    assert.deepEqual(
      entries.map(({ name, url }) => `${name} ${url}`),
      ["moved tcp://10.0.0.2:5001", "other tcp://10.0.0.2:5001"],
    );
  });

  test("an endpoint without URL is refused", async () => {
    const { registry, ctx } = setUp();
    await assert.rejects(registry.front.endpoints.request(ctx(), endpoint({ name: "nse" })), {
      code: "INVALID_ARGUMENT",
      message: /endpoint "nse" has no url/,
    });
  });

  test("unregistering a name that did not register here does not reach the registry", async () => {
    const { registry, behind, ctx } = setUp();
    await behind.request(ctx(), endpoint({ name: "other", url: "tcp://10.0.0.2:5001" }));
    await registry.front.endpoints.close(ctx(), endpoint({ name: "other" }));
    assert.equal((await foundEndpoints(behind, ctx())).length, 1);
  });

  test("a registration that the registry refuses leaves nothing, and a failed refresh leaves what was", async () => {
    const store = memoryEndpoints();
    let refuse = true;
    const behind: NseHandler = {
      ...store,
      request: async (ctx, entry) => {
        if (refuse) throw new Error("registry is down");
        return store.request(ctx, entry);
      },
    };
    const { clock, registry, ctx } = setUp(behind);
    const entry = { name: "nse", url: "unix:///nse.sock" };
    await assert.rejects(registry.front.endpoints.request(ctx(), endpoint(entry)));
    refuse = false;
    await registry.front.endpoints.request(ctx(), endpoint(entry));
    refuse = true;
    await clock.advance(30_000);
    await assert.rejects(registry.front.endpoints.request(ctx(), endpoint({ ...entry, url: "unix:///new.sock" })));
    const [left] = await foundEndpoints(registry.inside.endpoints, ctx());
    assert.equal(left?.url, "unix:///nse.sock");
    await clock.advance(30_000);
    assert.deepEqual(await foundEndpoints(registry.inside.endpoints, ctx()), [], "it expires when it would have");
  });
});

describe("socket files", () => {
  const inode = { name: "nse", url: "inode://1/7" };

  test("an inode URL becomes the path of the received file, once per file", async () => {
    const { registry, files, ctx } = setUp();
    const reply = await registry.front.endpoints.request(ctx({ files }), endpoint(inode));
    await registry.front.endpoints.request(ctx({ files }), endpoint(inode));
    const [inside] = await foundEndpoints(registry.inside.endpoints, ctx());
    assert.deepEqual([reply.url, inside?.url, files.received], ["inode://1/7", "unix:///proc/1/fd/100", 1]);
  });

  test("a restarted endpoint brings another file; the old one is closed, but only after its number cannot mislead", async () => {
    const { clock, registry, files, ctx } = setUp();
    await registry.front.endpoints.request(ctx({ files }), endpoint(inode));
    await registry.front.endpoints.request(ctx({ files }), endpoint({ ...inode, url: "inode://1/8" }));
    const [inside] = await foundEndpoints(registry.inside.endpoints, ctx());
    assert.equal(inside?.url, "unix:///proc/1/fd/101");
    await clock.advance(50_000);
    assert.deepEqual([...files.open].length, 2);
    await clock.advance(700_000);
    assert.deepEqual([...files.open], [], "the second expired with its registration");
  });

  test("stopping closes every file at once", async () => {
    const { clock, registry, files, ctx } = setUp();
    await registry.front.endpoints.request(ctx({ files }), endpoint(inode));
    await registry.close();
    assert.deepEqual([files.open.size, clock.pendingTimers], [0, 0]);
  });

  test("an inode URL over a connection that cannot carry files is refused with the remedy", async () => {
    const { registry, ctx } = setUp();
    await assert.rejects(registry.front.endpoints.request(ctx(), endpoint(inode)), {
      code: "INVALID_ARGUMENT",
      message: /register a unix:\/\/ or tcp:\/\/ url/,
    });
  });

  test("who finds a local endpoint over a unix socket gets its file; one whose socket is gone is left out", async () => {
    const { registry, files, ctx } = setUp();
    for (const [name, url] of [
      ["local", "unix:///nse.sock"],
      ["dead", "unix:///gone.sock"],
      ["abstract", "unix://@nse"],
    ] as const)
      await registry.front.endpoints.request(ctx(), endpoint({ name, url }));
    const entries = await foundEndpoints(registry.front.endpoints, ctx({ files }));
    assert.deepEqual(
      entries.map(({ name, url }) => `${name} ${url}`),
      ["local inode://1/1", "abstract unix://@nse"],
    );
  });
});

describe("local endpoints", () => {
  test("are those that registered here, with URLs to connect to, until they end", async () => {
    const { clock, registry, behind, files, ctx } = setUp();
    const offering = (waitMs = 0) => registry.local.offering("forwarder", { signal: ctx().signal, clock, waitMs });
    const forwarder = { networkServiceNames: ["forwarder"] };
    await behind.request(ctx(), endpoint({ ...forwarder, name: "elsewhere", url: "tcp://10.0.0.2:5001" }));
    const waiting = offering(5_000);
    await registry.front.endpoints.request(ctx({ files }), endpoint({ ...forwarder, name: "f1", url: "inode://1/7" }));
    const list = async () => (await offering()).map(({ name, url }) => `${name} ${url}`);
    assert.equal((await waiting).length, 1);
    assert.deepEqual(await list(), ["f1 unix:///proc/1/fd/100"]);
    await clock.advance(60_000);
    assert.deepEqual(await list(), []);
  });

  test("none in time is none", async () => {
    const { clock, registry, ctx } = setUp();
    const waiting = registry.local.offering("forwarder", { signal: ctx().signal, clock, waitMs: 1_000 });
    await clock.advance(1_000);
    assert.deepEqual(await waiting, []);
    assert.equal(clock.pendingTimers, 0);
  });
});

describe("labels", () => {
  test("node, pod and cluster are added for each service, unless the endpoint says otherwise", async () => {
    const { registry, behind, ctx } = setUp(memoryEndpoints(), { nodeName: "n1", podName: "", clusterName: "c1" });
    const entry = endpoint({
      name: "nse",
      url: "tcp://10.0.0.9:1",
      networkServiceNames: ["a", "b"],
      networkServiceLabels: { a: { labels: { nodeName: "mine" } } },
    });
    await registry.front.endpoints.request(ctx(), entry);
    const [stored] = await foundEndpoints(behind, ctx());
    assert.deepEqual(
      [stored?.networkServiceLabels.a?.labels, stored?.networkServiceLabels.b?.labels],
      [
        { nodeName: "mine", clusterName: "c1" },
        { nodeName: "n1", clusterName: "c1" },
      ],
    );
  });
});

describe("expiry", () => {
  test("an endpoint that does not come back is unregistered at the registry behind", async () => {
    const { clock, registry, behind, ctx } = setUp();
    await registry.front.endpoints.request(ctx(), endpoint({ name: "nse", url: "unix:///nse.sock" }));
    await clock.advance(60_000);
    assert.deepEqual(await foundEndpoints(behind, ctx()), []);
  });
});

describe("without a registry behind", () => {
  test("entries stay here with their real URLs and services get their payload", async () => {
    const { registry: alone, ctx } = setUp("none");
    await alone.front.endpoints.request(ctx(), endpoint({ name: "nse", url: "unix:///nse.sock" }));
    await alone.front.services.request(ctx(), service({ name: "s" }));
    const [entry] = await foundEndpoints(alone.inside.endpoints, ctx());
    const [stored] = await found(alone.inside.services, ctx(), nsRules.query(service({}), false), nsRules.entry);
    assert.deepEqual(
      [entry?.url, entry?.initialRegistrationTime?.seconds, stored?.payload],
      ["unix:///nse.sock", 0n, "IP"],
    );
  });
});

test("without a registry behind, a name of another domain is refused with what to do", async () => {
  const { registry, ctx } = setUp("none");
  const entry = endpoint({ name: "nse@other", url: "unix:///nse.sock" });
  await assert.rejects(registry.front.endpoints.request(ctx(), entry), {
    code: "UNSUPPORTED",
    message: /NSM_REGISTRY_URL/,
  });
});

test("a watch through nsmgr tells the real URL from the first event on", async () => {
  const { registry, ctx, clock } = setUp();
  const stop = new AbortController();
  const urls: (string | undefined)[] = [];
  const watching = (async () => {
    const watcher = contextFor(clock, fakeCall({ signal: stop.signal }));
    for await (const { networkServiceEndpoint } of registry.inside.endpoints.find(
      watcher,
      nseRules.query(endpoint({}), true),
    ))
      urls.push(networkServiceEndpoint?.url);
  })();
  await registry.front.endpoints.request(ctx(), endpoint({ name: "nse", url: "unix:///nse.sock" }));
  await clock.advance(0);
  stop.abort();
  await watching;
  assert.deepEqual(urls, ["unix:///nse.sock"]);
});
