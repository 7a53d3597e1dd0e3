import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkServiceEndpointSchema, NetworkServiceSchema } from "@nsmkit/api/registry";
import { chain } from "../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../testing/elements.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { beginServer } from "../../core/rules.ts";
import { nextUrl } from "../dial/nexthop.ts";
import { candidates, discoverServer } from "./server.ts";

const web = create(NetworkServiceSchema, { name: "web", payload: "ETHERNET" });
const blueOnly = create(NetworkServiceSchema, {
  name: "web",
  payload: "ETHERNET",
  matches: [{ routes: [{ destinationSelector: { color: "{{.color}}" } }] }],
});
const endpoint = (name: string, color = "blue") =>
  create(NetworkServiceEndpointSchema, {
    name,
    url: `unix:///${name}`,
    networkServiceNames: ["web"],
    networkServiceLabels: { web: { labels: { color } } },
  });

function setUp(service: typeof web | undefined = web, endpoints = [endpoint("nse-1"), endpoint("nse-2", "red")]) {
  const end = new RecordingEnd();
  const seen: { url: string | undefined; candidates: string[] | undefined }[] = [];
  const looks: NetworkServiceElement = {
    name: "looks",
    request: (ctx, request, next) => {
      const found = ctx.get(candidates)?.endpoints.map(({ name }) => name);
      seen.push({ url: ctx.get(nextUrl), candidates: found });
      return next.request(ctx, request);
    },
    close: (ctx, connection, next) => {
      seen.push({ url: ctx.get(nextUrl), candidates: undefined });
      return next.close(ctx, connection);
    },
  };
  const discovery = {
    networkService: async (name: string) => (name === service?.name ? service : undefined),
    endpoints: async () => endpoints,
    endpoint: async (name: string) => endpoints.find((each) => each.name === name),
  };
  const all = chain<NetworkServiceKind>([beginServer(), discoverServer(discovery), looks], end);
  const ask = (init: Parameters<typeof requestOf>[0]) => all.request(testContext(), requestOf({ id: "c", ...init }));
  return { all, ask, end, endpoints, seen };
}

test("a service without matches offers all its endpoints, and the connection gets its payload", async () => {
  const { ask, seen } = setUp();
  const reply = await ask({ networkService: "web" });
  assert.deepEqual([seen[0]?.candidates, reply.payload], [["nse-1", "nse-2"], "ETHERNET"]);
});

test("matches narrow the endpoints by the client's labels", async () => {
  const { ask, seen } = setUp(blueOnly);
  await ask({ networkService: "web", labels: { color: "red" } });
  assert.deepEqual(seen[0]?.candidates, ["nse-2"]);
});

test("an endpoint that is named is gone to, whatever the matches say", async () => {
  const { ask, seen } = setUp(blueOnly);
  await ask({ networkService: "web", labels: { color: "red" }, networkServiceEndpointName: "nse-1" });
  assert.deepEqual(seen[0], { url: "unix:///nse-1", candidates: undefined });
});

for (const [what, init, message] of [
  ["a service that nobody registered", { networkService: "db" }, /network service "db" is not registered/],
  ["an endpoint that is not registered", { networkServiceEndpointName: "x" }, /network service endpoint "x"/],
  ["another payload than the service's", { networkService: "web", payload: "IP" }, /payload ETHERNET, not IP/],
] as const)
  test(`${what} is not found, and the message names it`, async () => {
    await assert.rejects(setUp().ask(init), { code: "NOT_FOUND", message });
  });

test("a request that names no service is refused", async () => {
  await assert.rejects(setUp().ask({}), { code: "INVALID_ARGUMENT" });
});

test("a service without endpoints is told from one whose endpoints do not fit", async () => {
  const ask = { networkService: "web", labels: { color: "green" } };
  await assert.rejects(setUp(web, []).ask(ask), /nobody offers network service "web"/);
  await assert.rejects(setUp(blueOnly).ask(ask), /none of the 2 endpoints of network service "web" fits/);
});

test("close goes to the connection's endpoint", async () => {
  const { all, ask, seen } = setUp();
  const reply = await ask({ networkService: "web", networkServiceEndpointName: "nse-2" });
  await all.close(testContext(), reply);
  assert.equal(seen[1]?.url, "unix:///nse-2");
});

test("close goes on when the endpoint is registered no longer", async () => {
  const { all, ask, end, endpoints, seen } = setUp();
  const reply = await ask({ networkService: "web", networkServiceEndpointName: "nse-2" });
  endpoints.length = 0;
  await all.close(testContext(), reply);
  assert.deepEqual([seen[1]?.url, end.closes.length], [undefined, 1]);
});
