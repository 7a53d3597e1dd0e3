/** An operator on a real API server, with the rights of deploy/operator.yaml and no more. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { RecordingLogger } from "@nsmkit/core/testing";
import { type Client, KubeClient, type Resource, type UnknownObject } from "@nsmkit/kube";
import { parseAllDocuments } from "yaml";
import { createNsmOperator, type RunningOperator } from "../../cmd/nsm-operator/src/app.ts";
import { kinds } from "../../cmd/nsm-operator/src/inventory/kinds.ts";
import { loadMeshPort } from "../../cmd/nsm-operator/src/mesh/load.ts";
import type { MeshPort } from "../../cmd/nsm-operator/src/mesh/port.ts";
import type { OperatorConfig } from "../../cmd/nsm-operator/src/settings.ts";
import { type Nsm, nsms } from "../../cmd/nsm-operator/src/status/status.ts";
import { FakeKubelets } from "../../cmd/nsm-operator/src/testing/kubelet.ts";
import { isReady, testConfig, until } from "../../cmd/nsm-operator/src/testing/world.ts";
import type { ChaosProxy } from "./chaos-proxy.ts";
import type { ControlPlane } from "./control-plane.ts";

const manifest = join(import.meta.dirname, "../../deploy/operator.yaml");
export const namespace = "nsm-system";

/** The documents of deploy/operator.yaml. */
export async function operatorManifest(): Promise<readonly UnknownObject[]> {
  return parseAllDocuments(await readFile(manifest, "utf8")).map((document) => document.toJS() as UnknownObject);
}

const leases: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};
const extra: readonly Resource[] = [leases];

function resourceOf(object: UnknownObject): Resource {
  const found = [...kinds, ...extra].find((kind) => kind.kind === object.kind);
  if (!found) throw new Error(`deploy/operator.yaml has a ${object.kind}, which this suite does not know`);
  return found;
}

export class OperatorWorld implements AsyncDisposable {
  readonly plane: ControlPlane;
  /** The administrator's. */
  readonly admin: KubeClient;
  readonly kubelets: FakeKubelets;
  readonly logger = new RecordingLogger();
  operator: RunningOperator | undefined;
  /** The operator's own. */
  client: KubeClient | undefined;

  private constructor(plane: ControlPlane, admin: KubeClient) {
    this.plane = plane;
    this.admin = admin;
    this.kubelets = new FakeKubelets(admin);
  }

  /** Applies deploy/operator.yaml, its Deployment too: no kubelet runs it here. */
  static async open(plane: ControlPlane): Promise<OperatorWorld> {
    const world = new OperatorWorld(plane, new KubeClient(await plane.config()));
    for (const object of await operatorManifest()) {
      await world.admin.apply(resourceOf(object), object, { fieldManager: "kubectl" });
    }
    world.kubelets.start();
    return world;
  }

  /** Settings of a client that is the operator's service account (TokenRequest, authentication.k8s.io/v1). */
  async config(): Promise<Awaited<ReturnType<ControlPlane["config"]>>> {
    const config = await this.plane.config();
    const response = await this.admin.create(
      {
        group: "",
        version: "v1",
        kind: "TokenRequest",
        plural: `namespaces/${namespace}/serviceaccounts/nsm-operator/token`,
        namespaced: false,
      },
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: {},
        spec: { audiences: [], expirationSeconds: 3600 },
      } as UnknownObject,
    );
    const { token } = response.status as { token: string };
    return { ...config, namespace, authorization: async () => `Bearer ${token}` };
  }

  /** @param options.through what the operator takes for the API server */
  async startOperator(
    options: {
      port?: MeshPort;
      config?: Partial<OperatorConfig>;
      wrap?: (client: Client) => Client;
      through?: ChaosProxy;
    } = {},
  ): Promise<RunningOperator> {
    const direct = await this.config();
    this.client = new KubeClient(options.through?.config(direct) ?? direct);
    const signal = AbortSignal.timeout(30_000);
    const port = options.port ?? (await loadMeshPort(this.client, { logger: this.logger, signal }));
    const client = options.wrap ? options.wrap(this.client) : this.client;
    this.operator = await createNsmOperator(
      { ...testConfig, ...options.config },
      { client, port, logger: this.logger },
    );
    return this.operator;
  }

  async stopOperator(): Promise<void> {
    await this.operator?.close();
    await this.client?.close();
    this.operator = undefined;
    this.client = undefined;
  }

  until(condition: (nsm: Nsm) => boolean, name: string, timeoutMs = 30_000): Promise<Nsm> {
    const show = (nsm: Nsm): string => {
      const warnings = this.logger.lines.filter((line) => line.level === "warn" || line.level === "error").slice(-5);
      return `${JSON.stringify(nsm.status, undefined, 1)} ${warnings.map((line) => `${line.message} ${JSON.stringify(line.fields)} ${line.fields.error}`).join("\n")}`;
    };
    return until(() => this.admin.get(nsms, { namespace, name }), condition, show, timeoutMs);
  }

  settled(name: string, timeoutMs?: number): Promise<Nsm> {
    return this.until(isReady, name, timeoutMs);
  }

  /** A process that died keeps its Lease for 15 s, which nobody here waits for. */
  async freeLease(): Promise<void> {
    await until(
      async () =>
        this.admin.delete(leases, { namespace, name: "nsm-operator" }).then(
          () => true,
          () => false,
        ),
      (done) => done,
      undefined,
      30_000,
    );
  }

  async gone(name: string, timeoutMs = 30_000): Promise<void> {
    await until(
      () => this.admin.find(nsms, { namespace, name }),
      (nsm) => nsm === undefined,
      (nsm) => `${JSON.stringify(nsm?.status)} ${JSON.stringify(this.logger.lines.slice(-5))}`,
      timeoutMs,
    );
  }

  async close(): Promise<void> {
    await this.stopOperator();
    await this.kubelets.close();
    await this.admin.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
