// The programs with identities from a SPIFFE agent (one that tests bring along): mutual TLS and tokens on every hop.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkServiceEndpointSchema } from "@nsmkit/api/registry";
import { insecureIdentity } from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import { spiffeIdentity } from "@nsmkit/sdk/identity";
import { createRegistryClient, nseRules } from "@nsmkit/sdk/registry";
import { createTestCa, fakeWorkloadApi } from "@nsmkit/sdk/testing";
import { Mesh } from "./mesh.ts";
import { Program } from "./program.ts";

async function secureMesh(mesh: Mesh) {
  const ca = await createTestCa();
  const agent = async (name: string) => {
    const api = mesh.use(await fakeWorkloadApi(`unix://${mesh.directory}/agent-${name}.sock`));
    api.rotate(await ca.svid({ path: `/${name}` }));
    return { SPIFFE_ENDPOINT_SOCKET: api.endpoint };
  };
  await mesh.registry(await agent("registry"));
  await mesh.nsmgr(await agent("nsmgr"));
  const client = async (name: string) => {
    const identity = mesh.use(await spiffeIdentity({ source: ca.source({ path: `/${name}` }) }));
    return mesh.use(createRegistryClient({ connectTo: mesh.nsmgrUrl, identity }));
  };
  return { agent, client };
}

const entry = { name: "nse-1", url: "tcp://10.0.0.9:1", networkServiceNames: ["web"] };

describe("programs with SPIFFE identities", { timeout: 60_000 }, () => {
  test("an endpoint registers through nsmgr; its path names every hop; only its identity may take it away", async () => {
    await using mesh = await Mesh.create();
    const { client } = await secureMesh(mesh);
    const [owner, thief] = [await client("owner"), await client("thief")];
    const registration = await owner.register(entry, { services: [{ name: "web" }] });
    assert.deepEqual(
      registration.entry.pathIds,
      ["owner", "nsmgr", "registry"].map((name) => `spiffe://test.nsmkit/${name}`),
    );
    await assert.rejects(thief.register(entry), { code: "PERMISSION_DENIED" });
    const ctx = new Context({ signal: AbortSignal.timeout(5_000) });
    await assert.rejects(thief.endpoints.close(ctx, create(NetworkServiceEndpointSchema, entry)), {
      code: "PERMISSION_DENIED",
    });
    const query = nseRules.query(create(NetworkServiceEndpointSchema), false);
    const names: (string | undefined)[] = [];
    for await (const found of thief.endpoints.find(ctx, query)) names.push(found.networkServiceEndpoint?.name);
    assert.deepEqual(names, ["nse-1"]);
    await registration.close();
    await thief.register(entry);
  });

  test("a client without an identity gets nowhere", async () => {
    await using mesh = await Mesh.create();
    await secureMesh(mesh);
    const plain = mesh.use(
      createRegistryClient({ connectTo: mesh.nsmgrUrl, identity: insecureIdentity({ name: "plain" }) }),
    );
    await assert.rejects(plain.register(entry), { code: "UNAVAILABLE" });
  });

  test("a program waits for its agent, says so, and can be stopped while it waits", async () => {
    await using mesh = await Mesh.create();
    await using program = new Program("nsm-registry", {
      NSM_LISTEN_ON: mesh.registryUrl,
      SPIFFE_ENDPOINT_SOCKET: `unix://${mesh.directory}/no-agent.sock`,
    });
    await program.log("waiting for an identity");
    program.signal("SIGTERM");
    assert.equal(await program.exit(), 0, program.all());
  });
});
