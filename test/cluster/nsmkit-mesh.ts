/** A mesh of our own programs as the operator would make it, on a real API server, with a hand for each program. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KubeClient, type UnknownObject } from "@nsmkit/kube";
import { parseAllDocuments, stringify } from "yaml";
import { kindOf } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { ControlPlane } from "./control-plane.ts";

export const namespace = "nsm-system";
const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
}
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly containers: readonly Container[];
}

/** What `nsmctl render` prints for a document. */
export async function render(spec: object): Promise<readonly UnknownObject[]> {
  const folder = await mkdtemp(join(tmpdir(), "nsmkit-render-"));
  try {
    const file = join(folder, "nsm.yaml");
    const document = {
      apiVersion: "nsm.networkservicemesh.io/v1alpha1",
      kind: "NSM",
      metadata: { name: "nsm", namespace },
      spec,
    };
    await writeFile(file, stringify(document));
    const main = join(root, "cmd/nsmctl/src/main.ts");
    const { stdout } = await run(process.execPath, [main, "render", "-f", file], { maxBuffer: 16 << 20 });
    return parseAllDocuments(stdout).map((each) => each.toJS() as UnknownObject);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Kinds that no controller is needed for. */
const still = [
  "CustomResourceDefinition",
  "ServiceAccount",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
];

export class NsmkitMesh implements AsyncDisposable {
  readonly plane: ControlPlane;
  /** The administrator's. */
  readonly admin: KubeClient;
  readonly objects: readonly UnknownObject[];
  readonly folder: string;

  private constructor(plane: ControlPlane, admin: KubeClient, objects: readonly UnknownObject[], folder: string) {
    this.plane = plane;
    this.admin = admin;
    this.objects = objects;
    this.folder = folder;
  }

  /** Definitions, accounts and their rights are applied; Pods there are none, this machine has no kubelet. */
  static async start(
    spec: object = {
      provider: "nsmkit",
      registry: { type: "k8s", replicaCount: 2 },
      webhook: {},
      forwarders: [{ type: "kernel" }],
    },
    options: { readonly flags?: readonly string[] } = {},
  ): Promise<NsmkitMesh> {
    const objects = await render(spec);
    const plane = await ControlPlane.start(options);
    const folder = await mkdtemp(join(tmpdir(), "nsmkit-mesh-"));
    const admin = new KubeClient(await plane.config());
    const mesh = new NsmkitMesh(plane, admin, objects, folder);
    try {
      await mesh.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      for (const object of objects) if (still.includes(object.kind)) await mesh.apply(object);
      await mesh.#established();
    } catch (error) {
      await mesh.close();
      throw error;
    }
    return mesh;
  }

  async apply(object: UnknownObject): Promise<UnknownObject> {
    return this.admin.apply<UnknownObject>(kindOf(object), object, { fieldManager: "test" });
  }

  object(kind: string, name: string): UnknownObject {
    const found = this.objects.find((object) => object.kind === kind && object.metadata.name === name);
    if (!found) throw new Error(`nothing rendered is a ${kind} ${name}`);
    return found;
  }

  /** The Pod of a workload as it was rendered. */
  pod(kind: string, name: string): PodSpec {
    const { spec } = this.object(kind, name) as unknown as { spec: { template: { spec: PodSpec } } };
    return spec.template.spec;
  }

  /** The environment that a container would have, with what the kubelet fills in. */
  environment(pod: PodSpec): Record<string, string> {
    const [container] = pod.containers;
    return Object.fromEntries(
      (container?.env ?? []).map(({ name, value, valueFrom }) => {
        const field = (valueFrom as { fieldRef?: { fieldPath?: string } } | undefined)?.fieldRef?.fieldPath;
        if (field !== undefined && field !== "metadata.namespace") throw new Error(`the test does not know ${field}`);
        return [name, field === undefined ? (value ?? "") : namespace];
      }),
    );
  }

  /** A token of a service account (TokenRequest, authentication.k8s.io/v1). */
  async token(account: string): Promise<string> {
    const plural = `namespaces/${namespace}/serviceaccounts/${account}/token`;
    const response = await this.admin.create(
      { group: "", version: "v1", kind: "TokenRequest", plural, namespaced: false },
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: {},
        spec: { audiences: [], expirationSeconds: 3600 },
      } as UnknownObject,
    );
    return (response.status as { token: string }).token;
  }

  /** A kubeconfig file of a service account: what it may not do, the program may not. */
  async kubeconfig(account: string): Promise<string> {
    const { server, tls } = await this.plane.config();
    const cluster = {
      server,
      "certificate-authority-data": Buffer.from(tls.ca ?? "").toString("base64"),
      "tls-server-name": tls.serverName,
    };
    const config = {
      "current-context": "test",
      clusters: [{ name: "test", cluster }],
      users: [{ name: account, user: { token: await this.token(account) } }],
      contexts: [{ name: "test", context: { cluster: "test", user: account, namespace } }],
    };
    const file = join(this.folder, `kubeconfig-${account}`);
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  async close(): Promise<void> {
    await this.admin.close();
    await this.plane.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #established(): Promise<void> {
    const resource = {
      group: "networkservicemesh.io",
      version: "v1",
      kind: "NetworkServiceEndpoint",
      plural: "networkserviceendpoints",
      namespaced: true,
    };
    for (let tries = 0; ; tries++) {
      try {
        await this.admin.list(resource);
        return;
      } catch (error) {
        if (tries > 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
