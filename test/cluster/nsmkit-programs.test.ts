// Registry and webhook of a mesh of our own, started as the kubelet would: command, environment and mounted files are
// those of the rendered Pods and nothing else.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NetworkServiceEndpointSchema } from "@nsmkit/api/registry";
import { parseConfig } from "@nsmkit/core/config";
import { commonSettings } from "@nsmkit/core/program";
import { issue } from "@nsmkit/kube/certificates";
import { insecureIdentity } from "@nsmkit/sdk";
import { Context } from "@nsmkit/sdk/chain";
import { connectRegistry } from "@nsmkit/sdk/registry";
import { dial } from "@nsmkit/sdk/transport";
import { settings as nscSettings } from "../../cmd/nsc/src/settings.ts";
import { Program } from "../programs/program.ts";
import { controlPlaneMissing } from "./control-plane.ts";
import { NsmkitMesh, namespace } from "./nsmkit-mesh.ts";

const [registryPort, webhookPort] = [5002, 9443];
interface InjectedClient {
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

const dnsNames = [`admission-webhook-svc.${namespace}.svc`];

/** Ports of the rendered Pods, which have an address of their own each; this machine has one for all. */
async function taken(): Promise<string | undefined> {
  for (const port of [registryPort, webhookPort]) {
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (!free) return `port ${port} of this machine is taken`;
  }
  return undefined;
}

const root =
  spawnSync("unshare", ["--mount", "true"]).status === 0 ? undefined : "mounting what the kubelet mounts needs root";
const skip = controlPlaneMissing() ?? root ?? (await taken()) ?? false;

/** In mounts of its own, so that nothing of the machine is touched: the account's files and the Secret's. */
const mounts = `set -e
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io
cp -r "$0/serviceaccount" /run/secrets/kubernetes.io/
mount -t tmpfs none /etc
mkdir -p /etc/nsm
cp -r "$0/webhook-certs" /etc/nsm/
exec "$@"`;

describe("programs of a rendered mesh", { skip, timeout: 120_000 }, () => {
  let mesh: NsmkitMesh;
  let ca = "";
  before(async () => {
    mesh = await NsmkitMesh.start();
  });
  after(async () => {
    await mesh?.close();
  });

  /** As the kubelet: the Pod's first container. */
  async function start(deployment: string): Promise<Program> {
    const pod = mesh.pod("Deployment", deployment);
    const folder = join(mesh.folder, deployment);
    const { tls, server } = await mesh.plane.config();
    const { serving } = await issue({}, { commonName: "webhook", dnsNames }, Date.now());
    ca = serving.ca;
    const files: Record<string, string> = {
      "serviceaccount/ca.crt": tls.ca ?? "",
      "serviceaccount/namespace": namespace,
      "serviceaccount/token": await mesh.token(pod.serviceAccountName ?? ""),
      "webhook-certs/tls.crt": serving.certificate,
      "webhook-certs/tls.key": serving.key,
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await writeFile(join(folder, name), text, { mode: 0o600 });
    }
    const { hostname, port } = new URL(server);
    const [command = ""] = pod.containers[0]?.command ?? [];
    const env = { ...mesh.environment(pod), KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const program = new Program(command, env, ["unshare", "--mount", "sh", "-c", mounts, folder]);
    try {
      await program.log("serving", { timeoutMs: 20_000 });
    } catch (error) {
      await program.kill();
      throw error;
    }
    const strange = program.lines.filter(({ msg }) => msg === "unknown setting is ignored");
    assert.deepEqual(strange, [], "every variable that is rendered has a meaning");
    return program;
  }

  test("the registry serves at its port and keeps what registers in the mesh's namespace", async () => {
    await using program = await start("registry-k8s");
    assert.equal(program.name, "nsm-registry");
    const identity = insecureIdentity({ name: "test" });
    await using channel = dial(`tcp://127.0.0.1:${registryPort}`, { identity });
    const registry = connectRegistry({ channel, identity });
    const entry = create(NetworkServiceEndpointSchema, {
      name: "nse-1",
      url: "tcp://10.0.0.1:1",
      networkServiceNames: ["a"],
    });
    await registry.endpoints.request(new Context({ signal: AbortSignal.timeout(10_000) }), entry);
    const nses = {
      group: "networkservicemesh.io",
      version: "v1",
      kind: "NetworkServiceEndpoint",
      plural: "networkserviceendpoints",
      namespaced: true,
    };
    assert.ok(await mesh.admin.find(nses, { namespace, name: "nse-1" }));
    program.signal("SIGTERM");
    assert.equal(await program.exit(), 0);
  });

  test("the webhook is ready at its port and answers the API server's question", async () => {
    await using program = await start("admission-webhook-k8s");
    assert.equal(program.name, "nsm-admission-webhook");
    const send = (path: string, body?: string): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const to = {
          host: "127.0.0.1",
          port: webhookPort,
          servername: dnsNames[0],
          ca,
          path,
          method: body ? "POST" : "GET",
          agent: false as const,
        };
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
    await program.log("serving certificate taken");
    assert.equal((await send("/ready")).status, 200);
    const object = {
      metadata: { name: "web", annotations: { "networkservicemesh.io": "kernel://icmp" } },
      spec: { containers: [{ name: "app", image: "nginx" }] },
    };
    const kind = { group: "", version: "v1", kind: "Pod" };
    const review = {
      kind: "AdmissionReview",
      request: { uid: "1", kind, namespace: "default", operation: "CREATE", object },
    };
    const { response } = JSON.parse((await send("/mutate", JSON.stringify(review))).text);
    const patch = JSON.parse(Buffer.from(response.patch, "base64").toString()) as {
      path: string;
      value: InjectedClient;
    }[];
    const client = patch.find(({ path }) => path === "/spec/containers/-")?.value;
    assert.deepEqual(client?.command, ["nsc"]);
    // What the kubelet makes of the variables is what the client takes.
    const env = Object.fromEntries((client?.env ?? []).map(({ name, value }) => [name, value ?? "web"]));
    const config = parseConfig({ ...nscSettings, ...commonSettings }, env);
    assert.deepEqual(config.networkServices, ["kernel://icmp"]);
    const known = Object.values({ ...nscSettings, ...commonSettings }).flatMap((each) => each.env);
    assert.deepEqual(
      Object.keys(env).filter((name) => !known.includes(name as never)),
      [],
    );
    program.signal("SIGTERM");
    assert.equal(await program.exit(), 0);
  });
});
