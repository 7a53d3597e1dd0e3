import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@nsmkit/core/testing";
import { timestampMs, timestampOf } from "../../networkservice/core/connection.ts";
import type { Identity } from "../../transport/index.ts";
import { nseRules, nsRules, type Registry } from "../core/kinds.ts";
import { memoryEndpoints, memoryServices } from "../memory/registry.ts";
import { contextFor, endpoint, fakeCall, fakeIdentity, found, foundEndpoints, service } from "../testing/calls.ts";
import { memoryRegistry } from "./memory.ts";

function setUp(mode: Identity["mode"] = "insecure", proxy?: Registry) {
  const clock = new FakeClock();
  const close = async (): Promise<void> => {};
  const identity: Identity = {
    ...fakeIdentity("spiffe://t/registry", clock),
    mode,
    spiffeId: "spiffe://t/registry",
    close,
    [Symbol.asyncDispose]: close,
  };
  const registry = memoryRegistry({ identity, clock, proxy, policies: [] });
  const by = (from: string) => contextFor(clock, fakeCall({ from, path: "{}", tokenEndsMs: 1e9 }));
  const names = async () => (await foundEndpoints(registry.endpoints, contextFor(clock))).map(({ name }) => name);
  return { clock, identity, registry, by, names };
}

describe("endpoints", () => {
  test("a registration ends after the default time, or when asked for, whichever is earlier", async () => {
    const { clock, registry, by, names } = setUp();
    const first = await registry.endpoints.request(by("a"), endpoint({ name: "default" }));
    await registry.endpoints.request(by("a"), endpoint({ name: "short", expirationTime: timestampOf(10_000) }));
    await registry.endpoints.request(by("a"), endpoint({ name: "long", expirationTime: timestampOf(1e9) }));
    assert.equal(first.expirationTime && timestampMs(first.expirationTime), 60_000);
    await clock.advance(9_999);
    assert.deepEqual(await names(), ["default", "short", "long"]);
    await clock.advance(1);
    assert.deepEqual(await names(), ["default", "long"]);
    await clock.advance(50_000);
    assert.deepEqual(await names(), []);
    await registry.close();
    assert.equal(clock.pendingTimers, 0);
  });

  test("a refresh gives the full time again", async () => {
    const { clock, registry, by, names } = setUp();
    await registry.endpoints.request(by("a"), endpoint({ name: "nse" }));
    await clock.advance(40_000);
    await registry.endpoints.request(by("a"), endpoint({ name: "nse" }));
    await clock.advance(59_999);
    assert.deepEqual(await names(), ["nse"]);
    await clock.advance(1);
    assert.deepEqual(await names(), []);
  });

  test("the time of the first registration stays, and a registration after an end is a first one", async () => {
    const { clock, registry, by } = setUp();
    const at = async (): Promise<number> => {
      const reply = await registry.endpoints.request(by("a"), endpoint({ name: "nse" }));
      return reply.initialRegistrationTime ? timestampMs(reply.initialRegistrationTime) : Number.NaN;
    };
    await clock.advance(1_000);
    assert.equal(await at(), 1_000);
    await clock.advance(1_000);
    assert.equal(await at(), 1_000);
    await registry.endpoints.close(by("a"), endpoint({ name: "nse" }));
    assert.equal(await at(), 2_000);
  });

  test("registering a name again replaces the entry", async () => {
    const { clock, registry, by } = setUp();
    await registry.endpoints.request(by("a"), endpoint({ name: "nse", networkServiceNames: ["a"] }));
    await registry.endpoints.request(by("a"), endpoint({ name: "nse", networkServiceNames: ["b"] }));
    const ctx = contextFor(clock);
    assert.equal((await foundEndpoints(registry.endpoints, ctx, { networkServiceNames: ["a"] })).length, 0);
    assert.equal((await foundEndpoints(registry.endpoints, ctx, { networkServiceNames: ["b"] })).length, 1);
  });

  test("a name is required", async () => {
    const { registry, by } = setUp();
    await assert.rejects(registry.endpoints.request(by("a"), endpoint({})), { code: "INVALID_ARGUMENT" });
    await assert.rejects(registry.services.request(by("a"), service({})), { code: "INVALID_ARGUMENT" });
  });

  test("unregistering an unknown name succeeds", async () => {
    const { registry, by } = setUp();
    await registry.endpoints.close(by("a"), endpoint({ name: "nobody" }));
    await registry.services.close(by("a"), service({ name: "nobody" }));
  });

  test("a caller that changes its message afterwards does not change the registry", async () => {
    const { registry, by, names } = setUp();
    const entry = endpoint({ name: "nse" });
    const reply = await registry.endpoints.request(by("a"), entry);
    reply.name = entry.name = "changed";
    assert.deepEqual(await names(), ["nse"]);
  });
});

describe("services", () => {
  test("stay until unregistered; the payload is IP unless said", async () => {
    const { clock, registry, by } = setUp();
    await registry.services.request(by("a"), service({ name: "s" }));
    await registry.services.request(by("a"), service({ name: "t", payload: "ETHERNET" }));
    await clock.advance(1e7);
    const list = () => found(registry.services, contextFor(clock), nsRules.query(service({}), false), nsRules.entry);
    assert.deepEqual(
      (await list()).map(({ name, payload }) => `${name} ${payload}`),
      ["s IP", "t ETHERNET"],
    );
    await registry.services.close(by("a"), service({ name: "s" }));
    assert.equal((await list()).length, 1);
  });
});

describe("ownership in SPIFFE mode", () => {
  test("only the first owner may register and unregister a name", async () => {
    const { registry, by, names } = setUp("spiffe");
    await registry.endpoints.request(by("spiffe://t/a"), endpoint({ name: "nse" }));
    const denied = { code: "PERMISSION_DENIED", message: /endpoint "nse" belongs to another identity/ };
    await assert.rejects(registry.endpoints.request(by("spiffe://t/b"), endpoint({ name: "nse" })), denied);
    await assert.rejects(registry.endpoints.close(by("spiffe://t/b"), endpoint({ name: "nse" })), denied);
    assert.deepEqual(await names(), ["nse"]);
    await registry.endpoints.close(by("spiffe://t/a"), endpoint({ name: "nse" }));
    await registry.endpoints.request(by("spiffe://t/b"), endpoint({ name: "nse" }));
    await registry.services.request(by("spiffe://t/a"), service({ name: "s" }));
    await assert.rejects(registry.services.close(by("spiffe://t/b"), service({ name: "s" })), {
      code: "PERMISSION_DENIED",
    });
  });

  test("a refused call does not end or shorten the registration", async () => {
    const { clock, registry, by, names } = setUp("spiffe");
    await registry.endpoints.request(by("spiffe://t/a"), endpoint({ name: "nse" }));
    await clock.advance(30_000);
    await assert.rejects(registry.endpoints.close(by("spiffe://t/b"), endpoint({ name: "nse" })));
    await clock.advance(29_999);
    assert.deepEqual(await names(), ["nse"]);
    await clock.advance(1);
    assert.deepEqual(await names(), []);
  });

  test("a caller whose tokens prove nothing is refused by the default policies", async () => {
    const clock = new FakeClock();
    const { identity } = setUp("spiffe");
    const registry = memoryRegistry({ identity, clock });
    const call = fakeCall({ from: "spiffe://t/a", path: "{}" });
    await assert.rejects(registry.endpoints.request(contextFor(clock, call), endpoint({ name: "nse" })), {
      code: "PERMISSION_DENIED",
      message: /no sufficient privileges/,
    });
  });

  test("an expired name is free", async () => {
    const { clock, registry, by } = setUp("spiffe");
    await registry.endpoints.request(by("spiffe://t/a"), endpoint({ name: "nse" }));
    await clock.advance(60_000);
    await registry.endpoints.request(by("spiffe://t/b"), endpoint({ name: "nse" }));
  });
});

describe("names of other domains", () => {
  test("are UNSUPPORTED without a proxy, with the remedy", async () => {
    const { clock, registry, by } = setUp();
    const refused = { code: "UNSUPPORTED", message: /"s@other" belongs to domain "other".*NSM_PROXY_REGISTRY_URL/ };
    await assert.rejects(registry.services.request(by("a"), service({ name: "s@other" })), refused);
    const entry = endpoint({ name: "nse", networkServiceNames: ["s@other"] });
    await assert.rejects(registry.endpoints.request(by("a"), entry), refused);
    await assert.rejects(
      foundEndpoints(registry.endpoints, contextFor(clock), { networkServiceNames: ["s@other"] }),
      refused,
    );
  });

  test("go to the proxy, and nothing of them is kept here", async () => {
    const proxy = { services: memoryServices(), endpoints: memoryEndpoints() };
    const { clock, registry, by, names } = setUp("insecure", proxy);
    const there = () => foundEndpoints(registry.endpoints, contextFor(clock), { name: "nse@other" });
    await registry.endpoints.request(by("a"), endpoint({ name: "nse@other" }));
    assert.deepEqual([(await names()).length, (await there()).length], [0, 1]);
    await registry.endpoints.close(by("a"), endpoint({ name: "nse@other" }));
    assert.equal((await there()).length, 0);
  });
});

test("a watch tells of registration, expiry and its end with the call", async () => {
  const { clock, registry, by } = setUp();
  const stop = new AbortController();
  const told: string[] = [];
  const over = (async () => {
    const ctx = contextFor(clock, fakeCall({ signal: stop.signal }));
    for await (const { networkServiceEndpoint, deleted } of registry.endpoints.find(
      ctx,
      nseRules.query(endpoint({ networkServiceNames: ["s"] }), true),
    ))
      told.push(`${deleted ? "-" : "+"}${networkServiceEndpoint?.name}`);
  })();
  await registry.endpoints.request(by("a"), endpoint({ name: "nse", networkServiceNames: ["s"] }));
  await clock.advance(60_000);
  assert.deepEqual(told, ["+nse", "-nse"]);
  stop.abort();
  await over;
});
