import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkService, NetworkServiceRequestSchema } from "@nsmkit/api/networkservice";
import { mustExist } from "@nsmkit/core";
import { spiffeIdentity } from "../identity/index.ts";
import { claimsOf } from "../networkservice/common/authorize/token.ts";
import { writeToken } from "../networkservice/common/updatetoken/metadata.ts";
import { dial, type Identity } from "../transport/index.ts";
import { createTestCa, type TestCa } from "./ca.ts";
import { sandbox } from "./sandbox.ts";
import { until } from "./until.ts";

const names = ["registry", "nsmgr-0", "nsmgr-1", "forwarder-0", "forwarder-1", "web-1", "web-2", "nsc", "mallory"];
const cidrs = ["10.0.0.0/16"];

async function secureMesh(ca: TestCa, stack: AsyncDisposableStack, nodes = 1) {
  const identities = new Map<string, Identity>();
  for (const name of names)
    identities.set(name, stack.use(await spiffeIdentity({ source: ca.source({ path: `/${name}` }) })));
  const identity = (name: string): Identity => mustExist(identities.get(name), `an identity for ${name}`);
  return { identity, mesh: stack.use(await sandbox({ nodes, identity })) };
}

test("with SPIFFE identities a connection crosses two nodes, and every token was made for the next hop", async () => {
  await using stack = new AsyncDisposableStack();
  const { mesh } = await secureMesh(await createTestCa(), stack, 2);
  const [near, far] = mesh.nodes;
  assert.ok(near && far);
  await far.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await near.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  const claims = connection.connection.path?.pathSegments.map(({ token }) => mustExist(claimsOf(token), "claims"));
  assert.deepEqual(
    claims?.map(({ spiffeId, audience }) => [spiffeId, ...audience].map((id) => id.split("/").at(-1)).join(">")),
    [
      "nsc>nsmgr-0",
      "nsmgr-0>forwarder-0",
      "forwarder-0>nsmgr-1",
      "nsmgr-1>forwarder-1",
      "forwarder-1>web-1",
      "web-1>forwarder-1",
    ],
  );
  await connection.refresh();
  await connection.close();
  assert.equal(mesh.connections, 0);
});

test("with SPIFFE identities a connection heals to another endpoint", async () => {
  await using stack = new AsyncDisposableStack();
  const { mesh } = await secureMesh(await createTestCa(), stack);
  const first = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  const connection = await mesh.node.client({ name: "nsc" }).connect("kernel://web/nsm-1");
  // The service belongs to the identity that registered it first.
  await mesh.node.endpoint({ name: "web-2", services: [{ name: "web", register: false }], cidrs });
  await first.close();
  await until(
    "healed",
    () => connection.connection.networkServiceEndpointName === "web-2" && connection.state === "up",
  );
});

test("a caller without token, or with somebody else's, is refused", async () => {
  await using stack = new AsyncDisposableStack();
  const { identity, mesh } = await secureMesh(await createTestCa(), stack);
  await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs });
  await using channel = dial(mesh.node.nsmgr.url, { identity: identity("mallory") });
  const peer = await channel.ready({ signal: AbortSignal.timeout(5_000) });
  const stolen = await identity("nsc").token(peer);
  const request = create(NetworkServiceRequestSchema, {
    connection: { id: "m-0", networkService: "web", path: { pathSegments: [{ name: "nsc", id: "m-0" }] } },
    mechanismPreferences: [{ cls: "LOCAL", type: "KERNEL", parameters: { name: "nsm-1" } }],
  });
  for (const metadata of [new Map(), new Map(writeToken(stolen))])
    await assert.rejects(channel.unary(NetworkService.method.request, request, { metadata, timeoutMs: 5_000 }), {
      code: "PERMISSION_DENIED",
      message: /no sufficient privileges/,
    });
  assert.equal(mesh.connections, 0);
});

test("a client of another trust domain cannot connect at all", async () => {
  await using stack = new AsyncDisposableStack();
  const { mesh } = await secureMesh(await createTestCa(), stack);
  const foreign = await createTestCa({ trustDomain: "elsewhere" });
  const identity = stack.use(await spiffeIdentity({ source: foreign.source({ path: "/nsc" }) }));
  const nsc = mesh.node.client({ name: "nsc", identity });
  await assert.rejects(nsc.connect("kernel://web/nsm-1", { timeoutMs: 0 }), (error: { code?: string }) =>
    ["UNAUTHENTICATED", "UNAVAILABLE", "PERMISSION_DENIED"].includes(error.code ?? ""),
  );
});
