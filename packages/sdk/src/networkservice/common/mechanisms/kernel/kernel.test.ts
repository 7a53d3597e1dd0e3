import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chain } from "../../../../chain/chain.ts";
import { connectionWith, RecordingEnd, requestOf, testContext } from "../../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../../core/kind.ts";
import { mechanism } from "../types.ts";
import { kernelClient } from "./client.ts";
import { checkInterfaceName, generateInterfaceName } from "./interface-name.ts";
import { kernelEndpointServer, kernelForwarderServer } from "./server.ts";

test("a generated name has 15 characters, the service's first ten in front, and is valid whatever the service", () => {
  assert.match(generateInterfaceName("icmp-responder"), /^icmp-respo-[0-9A-Za-z]{4}$/);
  assert.match(generateInterfaceName("db"), /^db-[0-9A-Za-z]{12}$/);
  fc.assert(
    fc.property(fc.string(), (service) => {
      const name = generateInterfaceName(service);
      checkInterfaceName(name);
      assert.equal(name.length, 15);
    }),
  );
});

for (const name of ["", ".", "..", "a/b", "a b", "eth0:1", "sixteen-letters-", "ééééééé8"])
  test(`${JSON.stringify(name)} is no interface name`, () => {
    const check = () => checkInterfaceName(name);
    if (name === "ééééééé8") check();
    else assert.throws(check, { code: "INVALID_ARGUMENT", message: /interface name/ });
  });

const preferencesOf = async (preferences: Parameters<typeof requestOf>[1], netnsUrl?: string) => {
  const end = new RecordingEnd();
  const client = kernelClient(netnsUrl === undefined ? {} : { netnsUrl });
  await chain<NetworkServiceKind>([client], end).request(
    testContext(),
    requestOf({ id: "c", networkService: "web" }, preferences),
  );
  return end.requests[0]?.mechanismPreferences ?? [];
};

test("a client without preference asks for a kernel interface in its own namespace", async () => {
  const [preference] = await preferencesOf([]);
  assert.deepEqual([preference?.cls, preference?.type], ["LOCAL", "KERNEL"]);
  assert.equal(preference?.parameters.inodeURL, "file:///proc/thread-self/ns/net");
  assert.match(preference?.parameters.name ?? "", /^web-/);
});

test("a client's kernel preference keeps its name and gets the namespace; other preferences stay as they are", async () => {
  const asked = [
    { cls: "LOCAL", type: "MEMIF" },
    { cls: "LOCAL", type: "KERNEL", parameters: { name: "nsm-1" } },
  ];
  const [memif, kernel] = await preferencesOf(asked, "file:///run/netns/a");
  assert.deepEqual({ ...memif?.parameters }, {});
  assert.deepEqual({ ...kernel?.parameters }, { name: "nsm-1", inodeURL: "file:///run/netns/a" });
});

test("a name that the kernel would refuse is refused before it is sent", async () => {
  await assert.rejects(preferencesOf([{ type: "KERNEL", parameters: { name: "a-name-that-is-too-long" } }]), {
    code: "INVALID_ARGUMENT",
    message: /longer than 15 bytes/,
  });
});

const serve = async (server: ReturnType<typeof kernelEndpointServer>, parameters: Record<string, string>) => {
  const served = mechanism("KERNEL", parameters);
  await server.serve(testContext(), connectionWith({ id: "c", networkService: "web" }), served);
  return { ...served.parameters };
};

test("an endpoint answers with its own namespace and keeps the name over refreshes", async () => {
  const server = kernelEndpointServer();
  const first = await serve(server, { inodeURL: "inode://1/2" });
  assert.equal(first.inodeURL, "file:///proc/thread-self/ns/net");
  assert.deepEqual(await serve(server, first), first);
});

test("an endpoint may name its interfaces itself", async () => {
  const server = kernelEndpointServer({ netnsUrl: "file:///run/netns/web", interfaceName: (id) => `if-${id}` });
  assert.deepEqual(await serve(server, { name: "other" }), { name: "if-c", inodeURL: "file:///run/netns/web" });
});

test("a forwarder leaves the caller's wishes alone, and refuses a name that cannot be", async () => {
  const wished = { name: "nsm-1", inodeURL: "file:///proc/1/fd/2" };
  assert.deepEqual(await serve(kernelForwarderServer(), wished), wished);
  assert.match((await serve(kernelForwarderServer(), {})).name ?? "", /^web-/);
  await assert.rejects(serve(kernelForwarderServer(), { name: "a/b" }), { code: "INVALID_ARGUMENT" });
});
