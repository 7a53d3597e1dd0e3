/**
 * A real SPIRE with the settings and rights that a mesh gives it: the server publishes its bundle, an agent proves its node
 * and trusts it. Needs root for mount namespaces, and NSMKIT_SPIRE or ~/.cache/nsmkit/spire-1.12.4 with spire-server and
 * spire-agent of the release that the newest mesh brings.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeClient, type UnknownObject } from "@nsmkit/kube";
import { buildMesh, fieldManager, type MeshObject, normalise, parseNsm, resourceOf } from "@nsmkit/mesh";
import { until } from "../../cmd/nsm-operator/src/testing/world.ts";
import { ControlPlane, controlPlaneMissing, freePort } from "./control-plane.ts";

const folder = process.env.NSMKIT_SPIRE ?? join(homedir(), ".cache/nsmkit/spire-1.12.4");
const programs = { server: join(folder, "spire-server"), agent: join(folder, "spire-agent") };

function missing(): string | undefined {
  if (!existsSync(programs.server) || !existsSync(programs.agent)) {
    return `no spire-server and spire-agent in ${folder}; set NSMKIT_SPIRE to a folder that has them`;
  }
  if (process.getuid?.() !== 0) return "mount namespaces of its own need root here";
  return controlPlaneMissing();
}

/** Folders as a Pod has them, over the machine's own, for this process alone. */
const asPod = `
set -e
mount --make-rprivate /
mount --bind "$INPUT/hosts" /etc/hosts
mount -t tmpfs none /run
mkdir -p /run/spire/data /run/spire/sockets /run/secrets/kubernetes.io/serviceaccount /run/secrets/tokens
cp "$INPUT"/ca.crt "$INPUT"/token "$INPUT"/namespace /run/secrets/kubernetes.io/serviceaccount/
[ ! -e "$INPUT/spire-agent-token" ] || cp "$INPUT/spire-agent-token" /run/secrets/tokens/spire-agent
[ ! -e "$INPUT/bundle.crt" ] || { mkdir /run/spire/bundle; cp "$INPUT/bundle.crt" /run/spire/bundle/; }
exec "$@"
`;

describe("a managed SPIRE on a real API server", { skip: missing() ?? false }, () => {
  let plane: ControlPlane;
  let admin: KubeClient;
  let work: string;
  let port: number;
  const children: ChildProcess[] = [];
  const logs = new Map<string, string>();
  const objects = new Map<string, MeshObject>();

  before(async () => {
    plane = await ControlPlane.start();
    admin = new KubeClient(await plane.config());
    work = await mkdtemp(join(tmpdir(), "nsmkit-spire-"));
    port = await freePort();
    const spec = { version: "v1.18.0", spire: "managed", registry: { type: "k8s" }, forwarders: [{ type: "vpp" }] };
    const metadata = { name: "nsm", namespace: "default" };
    const document = { apiVersion: "nsm.networkservicemesh.io/v1alpha1", kind: "NSM", metadata, spec };
    const normalised = normalise(parseNsm(document));
    assert.ok(normalised.ok);
    for (const object of buildMesh(normalised.spec).phases.flatMap((phase) => phase.objects)) {
      if (
        object.kind !== "Namespace" &&
        object.metadata.namespace !== "spire" &&
        !/spire/.test(object.metadata.name ?? "")
      )
        continue;
      objects.set(`${object.kind} ${object.metadata.name}`, object);
      await admin.apply<UnknownObject>(resourceOf(object), object, { fieldManager });
    }
  });
  after(async () => {
    for (const child of children) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once("exit", resolve));
    }
    await admin?.close();
    await plane?.close();
    if (work) await rm(work, { recursive: true, force: true });
  });

  const settings = (name: string, key: string): string =>
    ((objects.get(`ConfigMap ${name}`)?.data ?? {}) as Record<string, string>)[key]?.replaceAll(
      '"8081"',
      `"${port}"`,
    ) ?? "";

  async function token(account: string, more: object = {}): Promise<string> {
    const answer = await admin.create(
      { group: "", version: "v1", kind: "TokenRequest", plural: `serviceaccounts/${account}/token`, namespaced: true },
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: { namespace: "spire" },
        spec: { expirationSeconds: 3600, ...more },
      } as UnknownObject,
    );
    return (answer.status as { token: string }).token;
  }

  /** Starts a program as its Pod would, with the token of its account. */
  async function start(name: "server" | "agent", files: Readonly<Record<string, string>>): Promise<ChildProcess> {
    const input = join(work, name);
    await mkdir(input);
    const config = await plane.config();
    const hosts = "127.0.0.1 localhost kubernetes.default.svc spire-server.spire.svc\n";
    const all = { hosts, "ca.crt": String(config.tls?.ca ?? ""), namespace: "spire", ...files };
    for (const [file, text] of Object.entries(all)) await writeFile(join(input, file), text);
    const args = ["-m", "sh", "-c", asPod, "sh", programs[name], "run", "-config", join(input, `${name}.conf`)];
    const socket = name === "server" ? ["-socketPath", join(work, "api.sock")] : [];
    const env = {
      ...{ PATH: process.env.PATH ?? "", INPUT: input, KUBERNETES_SERVICE_HOST: "kubernetes.default.svc" },
      KUBERNETES_SERVICE_PORT: new URL(plane.url).port,
    };
    const child = spawn("unshare", [...args, ...socket], { env, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => logs.set(name, `${logs.get(name) ?? ""}${data}`));
    }
    return child;
  }

  const bundle = async (): Promise<string> => {
    const maps = resourceOf({ apiVersion: "v1", kind: "ConfigMap" });
    const found = await admin.find<UnknownObject>(maps, { namespace: "spire", name: "spire-bundle" });
    return ((found?.data ?? {}) as Record<string, string>)["bundle.crt"] ?? "";
  };

  test("the server takes our settings and publishes its bundle by the rights of its account", {
    timeout: 60_000,
  }, async () => {
    await start("server", {
      token: await token("spire-server"),
      "server.conf": settings("spire-server", "server.conf"),
    });
    const published = await until(
      bundle,
      (text) => text.includes("BEGIN CERTIFICATE"),
      () => logs.get("server") ?? "",
      40_000,
    );
    assert.ok(published.includes("END CERTIFICATE"));
    assert.doesNotMatch(logs.get("server") ?? "", /level=(error|fatal)/);
  });

  test("an agent proves its node by its Pod's token, and is in the server's list", { timeout: 60_000 }, async () => {
    const nodes = {
      group: "",
      version: "v1",
      kind: "Node",
      plural: "nodes",
      namespaced: false,
      example: undefined,
    } as const;
    const pods = {
      group: "",
      version: "v1",
      kind: "Pod",
      plural: "pods",
      namespaced: true,
      example: undefined,
    } as const;
    await admin.create<UnknownObject>(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "one" } });
    const pod = await admin.create<UnknownObject>(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "spire-agent-x", namespace: "spire" },
      spec: { serviceAccountName: "spire-agent", nodeName: "one", containers: [{ name: "a", image: "a" }] },
    });
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "spire-agent-x", uid: pod.metadata.uid };
    await start("agent", {
      token: await token("spire-agent"),
      "spire-agent-token": await token("spire-agent", { audiences: ["spire-server"], boundObjectRef }),
      "bundle.crt": await bundle(),
      "agent.conf": settings("spire-agent", "agent.conf"),
    });
    const list = (): string =>
      spawnSync(programs.server, ["agent", "list", "-socketPath", join(work, "api.sock")], { encoding: "utf8" }).stdout;
    const seen = await until(
      async () => list(),
      (text) => text.includes("Found 1 attested agent"),
      () => `${logs.get("agent")}\n${logs.get("server")}`.slice(-4_000),
      40_000,
    );
    assert.match(seen, /spiffe:\/\/k8s\.nsm\/spire\/agent\/k8s_psat\/nsm-cluster\//);
  });
});
