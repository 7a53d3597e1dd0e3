import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryApiServer } from "../testing/apiserver.ts";
import { patchCaBundle, webhookConfigurations } from "./ca-bundle.ts";

const kind = "ValidatingWebhookConfiguration";
const signal = AbortSignal.timeout(10_000);
const caBundle = Buffer.from("PEM").toString("base64");

async function withHooks(...names: string[]): Promise<MemoryApiServer> {
  const server = new MemoryApiServer();
  await server.create(webhookConfigurations(kind), {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind, metadata: { name: "cnf" } },
    webhooks: names.map((name) => ({ name, clientConfig: { url: `https://${name}` }, timeoutSeconds: 5 })),
  });
  return server;
}

const hooksOf = async (server: MemoryApiServer): Promise<unknown> =>
  (await server.get(webhookConfigurations(kind), { name: "cnf" })).webhooks;

test("the authority is written into each webhook, and nothing else is touched", async () => {
  const server = await withHooks("a", "b");
  assert.equal(await patchCaBundle(server, { kind, name: "cnf" }, "PEM", { signal }), true);
  assert.deepEqual(
    await hooksOf(server),
    ["a", "b"].map((name) => ({ name, clientConfig: { url: `https://${name}`, caBundle }, timeoutSeconds: 5 })),
  );
});

test("an authority that is there already is no write", async () => {
  const server = await withHooks("a");
  await patchCaBundle(server, { kind, name: "cnf" }, "PEM", { signal });
  const { writes } = server;
  assert.equal(await patchCaBundle(server, { kind, name: "cnf" }, "PEM", { signal }), false);
  assert.equal(server.writes, writes);
});

test("a configuration that somebody changes meanwhile keeps that change", async () => {
  const server = await withHooks("a");
  let raced = false;
  server.intercept = async (verb) => {
    if (verb !== "patch" || raced) return;
    raced = true;
    await server.mergePatch(
      webhookConfigurations(kind),
      { name: "cnf" },
      { webhooks: [{ name: "a", clientConfig: { url: "https://new" } }] },
    );
  };
  await patchCaBundle(server, { kind, name: "cnf" }, "PEM", { signal });
  assert.deepEqual(await hooksOf(server), [{ name: "a", clientConfig: { url: "https://new", caBundle } }]);
});

test("a configuration or webhook that is missing is told", async () => {
  const server = await withHooks("a");
  await assert.rejects(patchCaBundle(server, { kind, name: "other" }, "PEM", { signal }), { code: "NOT_FOUND" });
  const at = { kind, name: "cnf", webhooks: ["b"] } as const;
  await assert.rejects(patchCaBundle(server, at, "PEM", { signal }), { code: "FAILED_PRECONDITION", message: /b$/ });
});
