import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import { decodeSecret } from "@nsmkit/kube/certificates";
import { kindNamed } from "../inventory/kinds.ts";
import { smallMesh, smallNsm } from "../testing/small-mesh.ts";
import { until, World } from "../testing/world.ts";
import { review } from "./review.ts";

const ask = (object: unknown) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { uid: "1", object },
});

test("a right document is allowed, a wrong one refused with the parser's words", () => {
  assert.equal(review({ object: smallNsm() }, smallMesh).allowed, true);
  const wrong = review({ object: smallNsm({ wrong: "7" }) }, smallMesh);
  assert.deepEqual(wrong, { allowed: false, message: "spec.wrong: 7; leave it out" });
});

test("a resource on its way out is let through, so that its finalizer can go", () => {
  const wrong = smallNsm({ wrong: "7" });
  const leaving = { ...wrong, metadata: { ...wrong.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  assert.equal(review({ object: leaving }, smallMesh).allowed, true);
});

function post(port: number, ca: string, servername: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, servername, ca, method: "POST", path: "/validate", agent: false },
      (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

test("the API server is told of a webhook whose certificate it can verify", async () => {
  await using world = await new World().start();
  const configuration = await until(
    () => world.server.find(kindNamed("ValidatingWebhookConfiguration"), { name: "nsm-operator.nsm-system" }),
    (found) => found !== undefined,
  );
  const [hook] = (configuration?.webhooks ?? []) as {
    clientConfig: { caBundle: string; service: { name: string; namespace: string } };
    failurePolicy: string;
  }[];
  assert.equal(hook?.failurePolicy, "Ignore");
  const { name, namespace } = hook?.clientConfig.service ?? { name: "", namespace: "" };
  const ca = Buffer.from(hook?.clientConfig.caBundle ?? "", "base64").toString();
  const port = world.operator?.webhookPort ?? 0;
  const body = JSON.stringify(ask(smallNsm({ wrong: "7" })));
  const { status, text } = await post(port, ca, `${name}.${namespace}.svc`, body);
  assert.equal(status, 200);
  assert.equal(JSON.parse(text).response.allowed, false);
  assert.equal((await post(port, ca, `${name}.${namespace}.svc`, "{")).status, 400);
  await assert.rejects(post(port, ca, "other.example", body), /altnames/);
});

test("a lost certificate is made anew, signed by the same authority", async () => {
  await using world = await new World().start();
  const secret = (name: string) => world.server.find(kindNamed("Secret"), { namespace: "nsm-system", name });
  const name = "nsm-operator-webhook-cert";
  const first = await until(
    () => secret(name),
    (found) => found !== undefined,
  );
  await world.quiet();
  await world.operator?.close();
  await world.server.delete(kindNamed("Secret"), { namespace: "nsm-system", name });
  await world.startOperator();
  const second = await until(
    () => secret(name),
    (found) => found !== undefined,
  );
  assert.ok(first && second);
  assert.equal(decodeSecret(first)["ca.crt"], decodeSecret(second)["ca.crt"]);
  assert.notEqual(decodeSecret(first)["tls.crt"], decodeSecret(second)["tls.crt"]);
});
