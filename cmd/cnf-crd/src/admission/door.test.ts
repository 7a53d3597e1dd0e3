import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import type { Resource, UnknownObject } from "@nsmkit/kube";
import { webhookConfigurations } from "@nsmkit/kube/admission";
import { bridge, resource, World } from "../testing/world.ts";
import { configurationName, services } from "./configuration.ts";

const secrets: Resource = { group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true };
const servername = "cnf-crd-webhook.default.svc";

interface Hook {
  readonly clientConfig: {
    readonly caBundle: string;
    readonly service: { readonly name: string; readonly port: number };
  };
  readonly failurePolicy: string;
}

async function hookOf(world: World): Promise<Hook> {
  const kind = webhookConfigurations("ValidatingWebhookConfiguration");
  const found = await world.until(
    () => world.server.find<UnknownObject>(kind, { name: configurationName }),
    (one) => one !== undefined,
  );
  const [hook] = (found?.webhooks ?? []) as Hook[];
  assert.ok(hook);
  return hook;
}

function ask(port: number, ca: string, object: unknown): Promise<{ allowed: boolean; status?: { message: string } }> {
  const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { uid: "1", object } };
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, servername, ca, method: "POST", path: "/validate", agent: false };
    const sent = request(options, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(JSON.parse(text).response));
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(review));
  });
}

const wrong = resource("one", [{ module: "no.such", type: "model", data: "" }]);

test("the API server is told of a webhook that it can verify, that never blocks, and that refuses what is wrong", async () => {
  await using world = await new World().start();
  const { failurePolicy, clientConfig } = await hookOf(world);
  assert.equal(failurePolicy, "Ignore");
  assert.equal(clientConfig.service.name, "cnf-crd-webhook");
  assert.ok(await world.server.find(services, { namespace: "default", name: "cnf-crd-webhook" }));
  const ca = Buffer.from(clientConfig.caBundle, "base64").toString();
  assert.equal((await ask(world.controller.webhookPort, ca, resource("one", [bridge("x")]))).allowed, true);
  const refused = await ask(world.controller.webhookPort, ca, wrong);
  assert.match(
    refused.status?.message ?? "",
    /^spec\.configItems\[0\]\.module: item 1: the model no\.such model is unknown/,
  );
});

test("every replica answers, with the same certificate, also about keys of resources that are there", async () => {
  await using world = await new World().start();
  const { clientConfig } = await hookOf(world);
  await world.create("first", [bridge("x")]);
  const follower = await world.startController();
  const ca = Buffer.from(clientConfig.caBundle, "base64").toString();
  await world.until(
    () => ask(follower.webhookPort, ca, wrong).catch(() => undefined),
    (answer) => answer?.allowed === false,
  );
  assert.equal(follower.leading, false);
  const claimed = await ask(follower.webhookPort, ca, resource("second", [bridge("x")]));
  assert.match(claimed.status?.message ?? "", /belongs to CNFConfiguration default\/first/);
});

test("a certificate that is lost, with its authority, is made anew and told to the API server", async () => {
  await using world = await new World().start();
  const before = (await hookOf(world)).clientConfig.caBundle;
  for (const name of ["cnf-crd-webhook-cert", "cnf-crd-webhook-cert-ca"])
    assert.ok(await world.server.delete(secrets, { namespace: "default", name }));
  await world.until(
    () => hookOf(world),
    ({ clientConfig }) => clientConfig.caBundle !== before,
    1_200_000,
  );
  const ca = Buffer.from((await hookOf(world)).clientConfig.caBundle, "base64").toString();
  assert.equal((await ask(world.controller.webhookPort, ca, wrong)).allowed, false);
});
