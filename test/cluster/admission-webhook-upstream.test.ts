// What our admission webhook makes of Pods and workloads, beside what upstream's makes of the same ones.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger, systemClock } from "@nsmkit/core";
import { parseConfig } from "@nsmkit/core/config";
import type { UnknownObject } from "@nsmkit/kube";
import { type Admit, type JsonPatchOperation, parseReview } from "@nsmkit/kube/admission";
import { issue } from "@nsmkit/kube/certificates";
import { mutate } from "../../cmd/nsm-admission-webhook/src/mutate/mutate.ts";
import { Namespaces } from "../../cmd/nsm-admission-webhook/src/mutate/namespaces.ts";
import { settings } from "../../cmd/nsm-admission-webhook/src/settings.ts";
import { applyPatch } from "../../cmd/nsm-admission-webhook/src/testing/json-patch.ts";
import { controlPlaneMissing } from "./control-plane.ts";
import { NsmkitMesh } from "./nsmkit-mesh.ts";
import { upstreamMissing, upstreamProgram } from "./upstream.ts";

type Json = Record<string, unknown>;

/** Upstream's listens on 443 and nowhere else. */
async function portTaken(): Promise<string | undefined> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(443, () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free ? undefined : "upstream's webhook needs port 443, which is taken or not ours to use";
}

const skip = controlPlaneMissing() ?? upstreamMissing("cmd-admission-webhook-k8s") ?? (await portTaken()) ?? false;

const annotation = "networkservicemesh.io";
const agent = "unix:///run/spire/sockets/agent.sock";
const common = {
  NSM_ANNOTATION: annotation,
  NSM_CONTAINER_IMAGES: "ghcr.io/networkservicemesh/cmd-nsc:v1.18.0",
  NSM_INIT_CONTAINER_IMAGES: "ghcr.io/networkservicemesh/cmd-nsc-init:v1.18.0",
  NSM_LABELS: "spiffe.io/spiffe-id:true",
};
const asks = { annotations: { [annotation]: "kernel://icmp/nsm-1,kernel://other?app=x" } };
const podSpec = { containers: [{ name: "app", image: "nginx" }], volumes: [{ name: "data", emptyDir: {} }] };
const pod = (metadata: Json, spec: Json = podSpec): Json => ({ apiVersion: "v1", kind: "Pod", metadata, spec });
const workload = (kind: string, metadata: Json): Json => ({
  apiVersion: "apps/v1",
  kind,
  metadata: { name: "web", ...metadata },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: podSpec },
  },
});

describe("our admission webhook beside upstream's", { skip, timeout: 90_000 }, () => {
  let mesh: NsmkitMesh;
  let theirs: ChildProcess;
  let ours: Admit;
  let ca = "";
  const log: string[] = [];
  const dnsNames = ["webhook.test.svc"];

  before(async () => {
    mesh = await NsmkitMesh.start();
    const { serving } = await issue({}, { commonName: "webhook", dnsNames }, Date.now());
    ca = serving.ca;
    const [certFile, keyFile] = [join(mesh.folder, "tls.crt"), join(mesh.folder, "tls.key")];
    await writeFile(certFile, serving.certificate);
    await writeFile(keyFile, serving.key);
    const files = { NSM_CERT_FILE_PATH: certFile, NSM_KEY_FILE_PATH: keyFile };
    const kubeconfig = await mesh.kubeconfig("admission-webhook-sa");
    theirs = spawn(upstreamProgram("cmd-admission-webhook-k8s") ?? "", [], {
      cwd: mesh.folder,
      env: { ...common, ...files, NSM_ENVS: "A=b", KUBECONFIG: kubeconfig },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [theirs.stdout, theirs.stderr]) stream?.on("data", (chunk) => log.push(String(chunk)));
    const config = parseConfig(settings, { ...common, ...files, NSM_ENVS: `A=b,SPIFFE_ENDPOINT_SOCKET=${agent}` });
    const namespaces = new Namespaces({ client: mesh.admin, clock: systemClock, logger: silentLogger });
    ours = mutate({ config, namespaces, logger: silentLogger });
    for (const [name, level] of [
      ["baseline", "baseline"],
      ["restricted", "restricted"],
    ])
      await mesh.admin.create<UnknownObject>(
        { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
        {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: name ?? "", labels: { "pod-security.kubernetes.io/enforce": level ?? "" } },
        },
      );
    const end = performance.now() + 20_000;
    while ((await send("/ready").catch(() => undefined)) === undefined) {
      assert.ok(performance.now() < end, log.join(""));
      await sleep(100);
    }
  });
  after(async () => {
    if (theirs?.exitCode === null && theirs.kill("SIGKILL")) await once(theirs, "exit");
    await mesh?.close();
  });

  function send(path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const to = {
        host: "127.0.0.1",
        port: 443,
        servername: dnsNames[0],
        ca,
        path,
        method: body ? "POST" : "GET",
        agent: false as const,
      };
      const headers = { "content-type": "application/json" };
      const sent = request({ ...to, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(text));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  const reviewOf = (object: Json, namespace: string): Json => {
    const kind = { group: object.kind === "Pod" ? "" : "apps", version: "v1", kind: object.kind };
    return {
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: { uid: "1", kind, namespace, operation: "CREATE", object, userInfo: {} },
    };
  };

  async function byTheirs(object: Json, namespace: string): Promise<Json> {
    const { response } = JSON.parse(await send("/mutate", JSON.stringify(reviewOf(object, namespace))));
    assert.equal(response.allowed, true, log.join("").slice(-2000));
    const patch = response.patch
      ? (JSON.parse(Buffer.from(response.patch, "base64").toString()) as JsonPatchOperation[])
      : [];
    return comparable(applyPatch(object, patch) as Json);
  }

  async function byOurs(object: Json, namespace: string): Promise<Json> {
    const admission = await ours(parseReview(reviewOf(object, namespace)), { signal: AbortSignal.timeout(5_000) });
    assert.equal(admission.allowed, true);
    return comparable(applyPatch(object, (admission.allowed && admission.patch) || []) as Json);
  }

  /** Without the random part of names, and without Go's zero values, which say nothing. */
  const comparable = (object: Json): Json =>
    JSON.parse(
      JSON.stringify(object, (key, value) => {
        if (key === "creationTimestamp" || (key === "resources" && Object.keys(value).length === 0)) return undefined;
        if (key === "value" && typeof value === "string") return value.replace(/^\$\(POD_NAME\).*/, "$(POD_NAME)");
        return value;
      }),
    );

  const cases: readonly (readonly [string, Json, string?])[] = [
    ["a Pod with a name", pod({ name: "web", ...asks })],
    ["a Pod with a generated name and labels", pod({ generateName: "web-", labels: { app: "web" }, ...asks })],
    ["a Pod without volumes", pod({ name: "web", ...asks }, { containers: [{ name: "app", image: "nginx" }] })],
    ["a Pod that does not ask", pod({ name: "web" })],
    ["a Pod in a namespace at level baseline", pod({ name: "web", ...asks }), "baseline"],
    ["a Deployment", workload("Deployment", asks)],
    ["a StatefulSet", workload("StatefulSet", asks)],
    ["a DaemonSet", workload("DaemonSet", asks)],
    ["a ReplicaSet", workload("ReplicaSet", asks)],
    [
      "a ReplicaSet of a Deployment",
      workload("ReplicaSet", {
        ...asks,
        ownerReferences: [{ kind: "Deployment", name: "web", uid: "1", apiVersion: "apps/v1" }],
      }),
    ],
    ["a Deployment that does not ask", workload("Deployment", {})],
  ];
  for (const [title, object, namespace = "default"] of cases)
    test(`${title} comes out the same`, async () => {
      assert.deepEqual(await byOurs(object, namespace), await byTheirs(object, namespace));
    });

  test("at level restricted ours says what the level asks of containers beyond what upstream's says", async () => {
    const object = pod({ name: "web", ...asks });
    const [own, foreign] = await Promise.all([byOurs(object, "restricted"), byTheirs(object, "restricted")]);
    const context = (made: Json): Json =>
      (made.spec as { containers: { securityContext: Json }[] }).containers[1]?.securityContext ?? {};
    const { seccompProfile, ...rest } = context(own);
    assert.deepEqual(seccompProfile, { type: "RuntimeDefault" });
    assert.deepEqual(rest, context(foreign));
  });

  test("asked a second time, upstream's adds its containers again and ours does not", async () => {
    const object = pod({ name: "web", ...asks });
    const once = await byOurs(object, "default");
    const count = (made: Json): number => (made.spec as { containers: unknown[] }).containers.length;
    assert.deepEqual([count(await byOurs(once, "default")), count(await byTheirs(once, "default"))], [2, 3]);
  });
});
