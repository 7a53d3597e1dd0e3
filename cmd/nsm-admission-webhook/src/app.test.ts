import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseConfig } from "@nsmkit/core/config";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import { issue } from "@nsmkit/kube/certificates";
import fc from "fast-check";
import { createNsmAdmissionWebhook, type RunningWebhook } from "./app.ts";
import { settings } from "./settings.ts";

const dnsNames = ["webhook.test.svc"];

interface World extends AsyncDisposable {
  readonly webhook: RunningWebhook;
  readonly clock: FakeClock;
  readonly logger: RecordingLogger;
  /** Writes a new certificate to the files. @returns its authority */
  certify(): Promise<string>;
  send(
    path: string,
    body?: string,
    options?: RequestOptions,
  ): Promise<{ status: number; text: string; serial: string }>;
}

async function start(): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "nsm-webhook-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  let ca = "";
  const certify = async (): Promise<string> => {
    const { serving } = await issue({}, { commonName: "test", dnsNames }, Date.now());
    ca = serving.ca;
    await writeFile(keyFile, serving.key);
    await writeFile(certFile, serving.certificate);
    return ca;
  };
  await certify();
  const config = parseConfig(settings, {
    NSM_CERT_FILE_PATH: certFile,
    NSM_KEY_FILE_PATH: keyFile,
    NSM_CONTAINER_IMAGES: "x/nsc:1",
    NSM_LISTEN_ON: "127.0.0.1:0",
  });
  const [clock, logger] = [new FakeClock(), new RecordingLogger()];
  const client = { find: async () => undefined };
  const webhook = opened.use(await createNsmAdmissionWebhook(config, { client, logger, clock, drainMs: 0 }));
  await untilLine(logger, "serving certificate taken", 1);
  const send: World["send"] = (path, body, options = {}) =>
    new Promise((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const to = {
        host: "127.0.0.1",
        port: webhook.port,
        servername: dnsNames[0],
        ca,
        method,
        path,
        agent: false as const,
        ...options,
      };
      const sent = request(to, (response) => {
        let text = "";
        const { serialNumber: serial } = (response.socket as import("node:tls").TLSSocket).getPeerCertificate();
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text, serial }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  const running = opened.move();
  return { webhook, clock, logger, certify, send, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function untilLine(logger: RecordingLogger, message: string, count: number): Promise<void> {
  const end = performance.now() + 5_000;
  while (logger.lines.filter((line) => line.message === message).length < count) {
    assert.ok(performance.now() < end, JSON.stringify(logger.lines));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const review = (request: unknown): string =>
  JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });

describe("the webhook's server", () => {
  test("is ready when its certificate is served, and answers a review", async () => {
    await using world = await start();
    assert.equal((await world.send("/ready")).status, 200);
    const object = {
      metadata: { name: "web", annotations: { "networkservicemesh.io": "kernel://icmp" } },
      spec: { containers: [{ name: "app" }] },
    };
    const kind = { group: "", version: "v1", kind: "Pod" };
    const answer = await world.send(
      "/mutate",
      review({ uid: "1", kind, namespace: "default", operation: "CREATE", object }),
    );
    const { response } = JSON.parse(answer.text);
    assert.deepEqual([response.uid, response.allowed, response.patchType], ["1", true, "JSONPatch"]);
    assert.ok(Array.isArray(JSON.parse(Buffer.from(response.patch, "base64").toString())));
  });

  test("takes a new certificate from its files while a connection goes on with the old one", async () => {
    await using world = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const renew = async (count: number): Promise<string> => {
      const authority = await world.certify();
      await world.clock.advance(10_000);
      await untilLine(world.logger, "serving certificate taken", count);
      return authority;
    };
    try {
      // An agent tells its connections apart by what they trust.
      const old = { agent, ca: await renew(2) };
      const first = await world.send("/ready", undefined, old);
      await renew(3);
      const [kept, fresh] = [await world.send("/ready", undefined, old), await world.send("/ready")];
      assert.equal(kept.serial, first.serial);
      assert.notEqual(fresh.serial, first.serial);
    } finally {
      agent.destroy();
    }
  });

  test("refuses a body that is too long, and answers any other with 200 or 400", async () => {
    await using world = await start();
    const long = await world.send("/mutate", `"${"x".repeat(5 << 20)}"`).catch((error: unknown) => error);
    assert.ok(long instanceof Error || (long as { status: number }).status === 400);
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ uid: fc.string(), kind: fc.jsonValue(), operation: fc.jsonValue(), object: fc.jsonValue() })
        .map(review),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        assert.ok([200, 400].includes((await world.send("/mutate", text)).status));
      }),
      { numRuns: 60 },
    );
    assert.equal((await world.send("/ready")).status, 200);
  });
});
