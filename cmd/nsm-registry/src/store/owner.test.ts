import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Context } from "@nsmkit/sdk/chain";
import type { Identity, ServerCall } from "@nsmkit/sdk/transport";
import { endpoint, namespace, Replicas, service } from "../testing/replicas.ts";
import { type KubernetesRegistry, kubernetesRegistry } from "./registry.ts";

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenOf = (sub: string): string => `${part({ alg: "none" })}.${part({ sub })}.`;

/** A registry with identities, whose policies are not the subject here. */
async function start(all: Replicas): Promise<KubernetesRegistry> {
  const close = async (): Promise<void> => {};
  const identity: Identity = {
    mode: "spiffe",
    spiffeId: "spiffe://t/registry",
    token: async () => ({ token: tokenOf("spiffe://t/registry"), expiresMs: all.clock.now() + 600_000 }),
    close,
    [Symbol.asyncDispose]: close,
  };
  const registry = kubernetesRegistry({ client: all.server, namespace, identity, policies: [], clock: all.clock });
  await registry.synced({ signal: AbortSignal.timeout(5_000) });
  return registry;
}

/** A call by one identity, as its server receives it. */
function by(all: Replicas, from: string): Context {
  const metadata = new Map<string, readonly string[]>([
    ["nsm-client-token", [tokenOf(from)]],
    ["nsm-client-token-expires", ["2040-01-01T00:00:00Z"]],
  ]);
  const { signal } = new AbortController();
  const call: ServerCall = {
    ...{ signal, metadata, setHeader: () => {} },
    peer: { transport: "tcp", address: "tcp://10.0.0.9:1" },
  };
  return new Context({ signal, clock: all.clock, call });
}

const refused = { code: "PERMISSION_DENIED", message: /belongs to another identity than "spiffe:\/\/t\/mallory"/ };

describe("a name", () => {
  test("of an endpoint belongs to who registered it, at every replica and after a restart", async () => {
    await using all = new Replicas();
    await using a = await start(all);
    await a.endpoints.request(by(all, "spiffe://t/alice"), endpoint({ name: "nse" }));
    await using b = await start(all);
    for (const registry of [a, b]) {
      await assert.rejects(
        registry.endpoints.request(by(all, "spiffe://t/mallory"), endpoint({ name: "nse" })),
        refused,
      );
      await assert.rejects(registry.endpoints.close(by(all, "spiffe://t/mallory"), endpoint({ name: "nse" })), refused);
    }
    await b.endpoints.request(by(all, "spiffe://t/alice"), endpoint({ name: "nse" }));
  });

  test("of an endpoint is free when its lease is over", async () => {
    await using all = new Replicas();
    await using a = await start(all);
    await a.endpoints.request(by(all, "spiffe://t/alice"), endpoint({ name: "nse" }));
    await all.clock.advance(60_000);
    await a.endpoints.request(by(all, "spiffe://t/mallory"), endpoint({ name: "nse" }));
  });

  test("of a service belongs to its owner while that has an endpoint of it", async () => {
    await using all = new Replicas();
    await using a = await start(all);
    const alice = by(all, "spiffe://t/alice");
    await a.services.request(alice, service({ name: "icmp", payload: "IP" }));
    await a.endpoints.request(alice, endpoint({ name: "nse", networkServiceNames: ["icmp"] }));
    const other = service({ name: "icmp", payload: "ETHERNET" });
    await assert.rejects(a.services.request(by(all, "spiffe://t/mallory"), other), refused);
    await assert.rejects(a.services.close(by(all, "spiffe://t/mallory"), other), refused);
    // Saying the same takes nothing away: every Pod of a Deployment registers its service.
    await a.services.request(by(all, "spiffe://t/bob"), service({ name: "icmp" }));
    await a.endpoints.close(alice, endpoint({ name: "nse" }));
    await a.services.request(by(all, "spiffe://t/bob"), other);
  });
});
