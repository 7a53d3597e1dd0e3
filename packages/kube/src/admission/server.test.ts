import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { Registry } from "prom-client";
import { issue } from "../certificates/issue.ts";
import { WebhookMetrics } from "../metrics/webhook-metrics.ts";
import { type Admit, serveAdmission } from "./server.ts";

const dnsNames = ["webhook.test.svc"];
const { serving } = await issue({}, { commonName: "test", dnsNames }, Date.now());
const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { uid: "1" } };
const webhooks: Readonly<Record<string, Admit>> = {
  "/yes": () => ({ allowed: true, warnings: ["mind"] }),
  "/no": async () => ({ allowed: false, message: "no" }),
  "/broken": () => {
    throw new CodedError("INTERNAL", "the database's password is 1234");
  },
};

interface Answered {
  readonly status: number;
  readonly text: string;
}

function send(port: number, path: string, body: string | undefined, servername = dnsNames[0]): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const to = { host: "127.0.0.1", port, servername, ca: serving.ca, method, path, agent: false };
    const sent = request(to, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

test("each path has its webhook", async () => {
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks });
  server.use(serving);
  const yes = await send(server.port, "/yes", JSON.stringify(review));
  assert.deepEqual(JSON.parse(yes.text).response, { uid: "1", allowed: true, warnings: ["mind"] });
  assert.equal(JSON.parse((await send(server.port, "/no", JSON.stringify(review))).text).response.allowed, false);
  assert.equal((await send(server.port, "/toString", JSON.stringify(review))).status, 404);
  assert.equal((await send(server.port, "/yes", undefined)).status, 404);
});

test("what is no review is 400, and a failure is 500 that tells nothing", async () => {
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks });
  server.use(serving);
  assert.equal((await send(server.port, "/yes", "{")).status, 400);
  assert.equal((await send(server.port, "/yes", "{}")).status, 400);
  const broken = await send(server.port, "/broken", JSON.stringify(review));
  assert.deepEqual(broken, { status: 500, text: '{"message":"the review failed"}' });
});

test("pages answer probes over the same HTTPS", async () => {
  const pages = { "/ready": () => ({ status: 503, text: "not yet\n" }) };
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks, pages });
  server.use(serving);
  assert.deepEqual(await send(server.port, "/ready", undefined), { status: 503, text: "not yet\n" });
});

test("without a certificate no handshake succeeds, and the server lives on", async () => {
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks });
  await assert.rejects(send(server.port, "/yes", ""));
  server.use(serving);
  assert.equal((await send(server.port, "/yes", JSON.stringify(review))).status, 200);
});

test("a certificate is exchanged without a restart, and verified by name", async () => {
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks });
  const other = await issue({}, { commonName: "other", dnsNames: ["other.test.svc"] }, Date.now());
  server.use(other.serving);
  await assert.rejects(send(server.port, "/yes", "{}"));
  server.use(serving);
  assert.equal((await send(server.port, "/yes", "{}")).status, 400);
  await assert.rejects(send(server.port, "/yes", "{}", "other.example"), /altnames/);
});

test("a certificate that does not fit its key is refused and the one before stays", async () => {
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks });
  server.use(serving);
  const { key } = (await issue({}, { commonName: "other", dnsNames }, Date.now())).serving;
  assert.throws(() => server.use({ certificate: serving.certificate, key }));
  assert.equal((await send(server.port, "/yes", JSON.stringify(review))).status, 200);
});

test("questions are counted under controller-runtime's names", async () => {
  const registry = new Registry();
  const metrics = new WebhookMetrics(registry);
  await using server = await serveAdmission({ host: "127.0.0.1", port: 0, webhooks, metrics });
  server.use(serving);
  await send(server.port, "/yes", JSON.stringify(review));
  await send(server.port, "/broken", JSON.stringify(review));
  const text = await registry.metrics();
  assert.match(text, /controller_runtime_webhook_requests_total\{webhook="\/yes",code="200"\} 1/);
  assert.match(text, /controller_runtime_webhook_requests_total\{webhook="\/broken",code="500"\} 1/);
  assert.match(text, /controller_runtime_webhook_requests_in_flight\{webhook="\/yes"\} 0/);
  assert.match(text, /controller_runtime_webhook_latency_seconds_count\{webhook="\/yes"\} 1/);
});
