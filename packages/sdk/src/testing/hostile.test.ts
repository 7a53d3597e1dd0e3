import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import {
  MonitorConnection,
  MonitorScopeSelectorSchema,
  NetworkService,
  NetworkServiceRequestSchema,
} from "@nsmkit/api/networkservice";
import { isCodedError } from "@nsmkit/core";
import fc from "fast-check";
import { insecureIdentity } from "../identity/index.ts";
import { tokenExpiresKey, tokenKey } from "../networkservice/common/updatetoken/metadata.ts";
import { type Channel, dial } from "../transport/index.ts";
import { type Sandbox, sandbox } from "./sandbox.ts";

const word = fc.oneof(
  fc.constantFrom("", "web", "db", "nsc", "nsmgr-0", "forwarder-0", "web-1", "__proto__", "constructor"),
  fc.string({ maxLength: 40 }),
);
const map = fc.dictionary(word, word, { maxKeys: 4 });
const mechanism = fc.record({
  cls: fc.constantFrom("LOCAL", "REMOTE", ""),
  type: fc.oneof(fc.constantFrom("KERNEL", "VXLAN", "MEMIF"), word),
  parameters: fc.oneof(
    map,
    fc.record({
      inodeURL: fc.constantFrom("inode://1/2", "file:///etc/passwd", "file:///no/such", "file://x", "inode:"),
    }),
    fc.record({ src_ip: fc.oneof(word, fc.ipV4()), vni: fc.oneof(word, fc.nat().map(String)), MTU: word }),
    fc.record({ name: fc.string({ maxLength: 20 }) }),
  ),
});
const route = fc.record({ prefix: fc.oneof(word, fc.ipV4()), nextHop: word });
const ipContext = fc.record({
  srcIpAddrs: fc.array(
    fc.oneof(
      word,
      fc.ipV4().map((ip) => `${ip}/32`),
    ),
    { maxLength: 4 },
  ),
  dstIpAddrs: fc.array(word, { maxLength: 4 }),
  srcRoutes: fc.array(route, { maxLength: 3 }),
  excludedPrefixes: fc.array(fc.oneof(word, fc.constantFrom("0.0.0.0/0", "10.0.0.0/8")), { maxLength: 3 }),
});
const timestamp = fc.record({
  seconds: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  nanos: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
});
const path = fc.record({
  index: fc.oneof(fc.nat(4), fc.nat(0xffff_ffff)),
  pathSegments: fc.array(fc.record({ name: word, id: word, token: word, expires: timestamp }), { maxLength: 6 }),
});
const hostileRequest = fc.record({
  connection: fc.record({
    id: word,
    networkService: word,
    mechanism: fc.option(mechanism, { nil: undefined }),
    context: fc.option(fc.record({ ipContext, MTU: fc.nat(0xffff_ffff), extraContext: map }), { nil: undefined }),
    labels: map,
    path: fc.option(path, { nil: undefined }),
    networkServiceEndpointName: word,
    payload: word,
    state: fc.nat(5),
  }),
  mechanismPreferences: fc.array(mechanism, { maxLength: 4 }),
});

const metadata = fc.oneof(
  fc.constant(new Map<string, string[]>()),
  fc.constant(
    new Map([
      [tokenKey, ["x"]],
      [tokenExpiresKey, ["2100-01-01T00:00:00Z"]],
    ]),
  ),
  fc.constant(
    new Map([
      [tokenKey, ["x", "y"]],
      [tokenExpiresKey, ["soon"]],
    ]),
  ),
);

/** Sends it to one program of the mesh. What comes back must be a reply for this connection or an error with a code. */
async function send(channel: Channel, init: unknown, headers: Map<string, string[]>): Promise<void> {
  const request = create(NetworkServiceRequestSchema, init as object);
  // A file that is named and never sent is the one thing that is waited for.
  const waits = inspect(init, { depth: 9 }).includes("inode://");
  const options = { timeoutMs: waits ? 50 : 5_000, metadata: headers };
  try {
    const { message } = await channel.unary(NetworkService.method.request, request, options);
    const { index = 0, pathSegments = [] } = message.path ?? {};
    assert.ok(pathSegments.length > index, "the reply's index points into its path");
    await channel.unary(NetworkService.method.close, message, options);
  } catch (error) {
    if (!isCodedError(error)) throw error;
    assert.doesNotMatch(error.message, /internal error/, "our own code failed");
    assert.ok(waits || error.code !== "DEADLINE_EXCEEDED", error.message);
  }
}

/** The program still serves honest clients. */
async function works(mesh: Sandbox): Promise<void> {
  const nsc = mesh.node.client({ name: `honest-${crypto.randomUUID()}` });
  const connection = await nsc.connect("kernel://web");
  assert.equal(connection.state, "up");
  await nsc.close();
}

const targets = {
  "an nsmgr": (mesh: Sandbox) => mesh.node.nsmgr.url,
  "a forwarder": (mesh: Sandbox) => mesh.node.forwarder.url,
  "an endpoint": (_: Sandbox, endpointUrl: string) => endpointUrl,
};
for (const [what, urlOf] of Object.entries(targets))
  test(`whatever is sent to ${what}, it answers, forgets and serves on`, async () => {
    await using mesh = await sandbox();
    const web = await mesh.node.endpoint({ name: "web-1", services: ["web"], cidrs: ["10.0.0.0/16"] });
    await using channel = dial(urlOf(mesh, web.url), { identity: insecureIdentity({ name: "hostile" }) });
    await fc.assert(
      fc.asyncProperty(hostileRequest, metadata, (request, headers) => send(channel, request, headers)),
      { numRuns: 300 },
    );
    await works(mesh);
  });

test("whatever is asked of the monitor, it begins with the initial transfer", async () => {
  await using mesh = await sandbox();
  await using channel = dial(mesh.node.nsmgr.url, { identity: insecureIdentity({ name: "hostile" }) });
  const selector = fc.record({
    networkServices: fc.array(word, { maxLength: 3 }),
    pathSegments: fc.array(fc.record({ name: word, id: word, token: word }), { maxLength: 4 }),
  });
  const method = MonitorConnection.method.monitorConnections;
  await fc.assert(
    fc.asyncProperty(selector, async (init) => {
      for await (const event of channel.serverStream(method, create(MonitorScopeSelectorSchema, init))) {
        assert.equal(event.type, 0);
        break;
      }
    }),
    { numRuns: 100 },
  );
});
