// What a peer may send must never take a registry or an nsmgr down, nor change what others registered.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type DescMethodUnary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  NetworkServiceEndpointQuerySchema,
  NetworkServiceEndpointRegistry,
  NetworkServiceEndpointSchema,
  NetworkServiceRegistry,
  type NetworkServiceSchema,
} from "@nsmkit/api/registry";
import { isCodedError } from "@nsmkit/core";
import { insecureIdentity } from "@nsmkit/sdk";
import { type Channel, dial } from "@nsmkit/sdk/transport";
import fc from "fast-check";
import { Mesh } from "./mesh.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    "__proto__",
    "constructor",
    "a@b",
    "{{.x}}",
    "{{",
    "inode://1/2",
    "unix:///proc/self/exe",
    "tcp://:0",
  ),
);
const labels = fc.dictionary(text, text, { maxKeys: 3 });
const time = fc.record({ seconds: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), nanos: fc.integer() });

const endpoint: fc.Arbitrary<MessageInitShape<typeof NetworkServiceEndpointSchema>> = fc.record({
  name: text.map((name) => (name === "" ? "" : `hostile-${name}`)),
  networkServiceNames: fc.array(text, { maxLength: 3 }),
  networkServiceLabels: fc.dictionary(text, fc.record({ labels }), { maxKeys: 3 }),
  url: text,
  expirationTime: fc.option(time, { nil: undefined }),
  initialRegistrationTime: fc.option(time, { nil: undefined }),
  pathIds: fc.array(text, { maxLength: 3 }),
}) as never;
const service: fc.Arbitrary<MessageInitShape<typeof NetworkServiceSchema>> = fc.record({
  name: text.map((name) => (name === "" ? "" : `hostile-${name}`)),
  payload: text,
  matches: fc.array(
    fc.record({ sourceSelector: labels, routes: fc.array(fc.record({ destinationSelector: labels })) }),
    {
      maxLength: 2,
    },
  ),
}) as never;
const printable = fc.stringMatching(/^[\x20-\x7e]{0,60}$/);
const metadata = fc
  .record(
    {
      path: fc.oneof(
        printable,
        fc.json().filter((json) => /^[\x20-\x7e]*$/.test(json)),
      ),
      "nsm-client-token": printable,
      "nsm-client-token-expires": printable,
    },
    { requiredKeys: [] },
  )
  .map((record) => new Map(Object.entries(record).map(([key, value]) => [key, [value ?? ""]])));

/** Sends anything and accepts any answer that a server may give. */
async function call(channel: Channel, method: DescMethodUnary, message: unknown, headers: Map<string, string[]>) {
  try {
    const signal = AbortSignal.timeout(400);
    await channel.unary(method, create(method.input, message as never), { signal, timeoutMs: 300, metadata: headers });
  } catch (error) {
    assert.ok(isCodedError(error) && !["INTERNAL", "UNKNOWN"].includes(error.code), String(error));
  }
}

async function names(channel: Channel): Promise<string[]> {
  const found: string[] = [];
  const query = create(NetworkServiceEndpointQuerySchema);
  for await (const { networkServiceEndpoint } of channel.serverStream(
    NetworkServiceEndpointRegistry.method.find,
    query,
  ))
    if (networkServiceEndpoint) found.push(networkServiceEndpoint.name);
  return found;
}

describe("hostile peers", { timeout: 120_000 }, () => {
  test("no message, metadata or byte takes registry or nsmgr down or touches another's endpoint", async () => {
    await using mesh = await Mesh.create();
    const registry = await mesh.registry();
    const nsmgr = await mesh.nsmgr();
    const entry = { name: "honest", url: "tcp://10.0.0.9:1", networkServiceNames: ["web"] };
    await mesh.client("honest").register(entry);
    const identity = insecureIdentity({ name: "hostile" });
    const channels = [mesh.registryUrl, mesh.nsmgrUrl].map((url) => mesh.use(dial(url, { identity })));

    const endpoints = NetworkServiceEndpointRegistry.method;
    const services = NetworkServiceRegistry.method;
    await fc.assert(
      fc.asyncProperty(endpoint, service, metadata, async (nse, ns, headers) => {
        for (const channel of channels) {
          await call(channel, endpoints.register, nse, headers);
          await call(channel, services.register, ns, headers);
          await call(channel, endpoints.unregister, nse, headers);
          await call(channel, services.unregister, ns, headers);
        }
      }),
      { numRuns: 150 },
    );

    for (const path of ["registry.sock", "nsmgr.sock"])
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, preface) => {
          const socket = connectSocket(`${mesh.directory}/${path}`);
          socket.on("error", () => {});
          if (preface) socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
          socket.end(bytes);
          await sleep(2);
          socket.destroy();
        }),
        { numRuns: 60 },
      );

    for (const program of [registry, nsmgr])
      assert.deepEqual(
        program.lines.filter(({ level }) => Number(level) >= 50),
        [],
      );
    for (const channel of channels) assert.ok((await names(channel)).includes("honest"));
    assert.match(registry.all(), /"serving"/);
  });

  test("a watcher that reads nothing costs others nothing", async () => {
    await using mesh = await Mesh.create();
    const registry = await mesh.registry();
    const identity = insecureIdentity({ name: "x" });
    const watching = mesh.use(dial(mesh.registryUrl, { identity }));
    const query = create(NetworkServiceEndpointQuerySchema, { watch: true });
    const stream = watching.serverStream(NetworkServiceEndpointRegistry.method.find, query)[Symbol.asyncIterator]();
    const channel = mesh.use(dial(mesh.registryUrl, { identity }));
    const register = (name: string, url: string) =>
      channel.unary(
        NetworkServiceEndpointRegistry.method.register,
        create(NetworkServiceEndpointSchema, { name, url }),
      );
    await register("first", "tcp://10.0.0.9:1");
    await stream.next();
    // From here on the watcher does not read: more than any window of flow control holds.
    const url = `tcp://${"x".repeat(5_000)}:1`;
    for (let round = 0; round < 20; round++)
      await Promise.all(Array.from({ length: 100 }, (_, index) => register(`nse-${index}`, `${url}${round}`)));
    const status = readFileSync(`/proc/${registry.pid}/status`, "utf8");
    const rssMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    assert.ok(rssMb < 250, `${rssMb} MB`);
    // It reads again and ends with the latest state of each.
    const urls = new Map<string, string>();
    while ([...urls.values()].filter((seen) => seen.endsWith(":119")).length < 100) {
      const { value } = await stream.next();
      const told = value?.networkServiceEndpoint;
      if (told) urls.set(told.name, told.url);
    }
    await stream.return?.();
  });
});
