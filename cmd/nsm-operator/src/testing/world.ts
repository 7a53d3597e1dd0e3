import { type Logger, silentLogger } from "@nsmkit/core";
import type { Client, Resource, UnknownObject } from "@nsmkit/kube";
import { MemoryApiServer } from "@nsmkit/kube/testing";
import { createNsmOperator, type RunningOperator } from "../app.ts";
import { kinds } from "../inventory/kinds.ts";
import { fieldManager } from "../mesh/marks.ts";
import type { MeshPort } from "../mesh/port.ts";
import type { OperatorConfig } from "../settings.ts";
import { type Nsm, nsms } from "../status/status.ts";
import { FakeKubelets } from "./kubelet.ts";
import { smallMesh } from "./small-mesh.ts";

export const testConfig: OperatorConfig = {
  watchNamespaces: ["nsm-system"],
  podName: "operator-0",
  operatorName: "nsm-operator",
  operatorNamespace: "nsm-system",
  kubeconfig: undefined,
  kubernetesHost: undefined,
  kubernetesPort: undefined,
  listenOn: "127.0.0.1:0",
  webhookListenOn: "127.0.0.1:0",
  webhookUrl: undefined,
  progressDeadlineMs: 600_000,
};

const events: Resource = {
  group: "events.k8s.io",
  version: "v1",
  kind: "Event",
  plural: "events",
  namespaced: true,
};

export interface WorldOptions {
  readonly client?: Client;
  readonly port?: MeshPort;
  readonly config?: Partial<OperatorConfig>;
  readonly logger?: Logger;
}

/** An API server in memory with its nodes, and operators that come and go. */
export class World implements AsyncDisposable {
  readonly server = new MemoryApiServer();
  readonly kubelets = new FakeKubelets(this.server, { establish: true });
  readonly #options: WorldOptions;
  operator: RunningOperator | undefined;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
  }

  async start(): Promise<this> {
    this.kubelets.start();
    await this.startOperator();
    return this;
  }

  async startOperator(client: Client = this.#options.client ?? this.server): Promise<RunningOperator> {
    const { port = smallMesh, config, logger = silentLogger } = this.#options;
    // A later operator listens where the first one did, as Pods of one Deployment do.
    const webhookListenOn = `127.0.0.1:${this.operator?.webhookPort ?? 0}`;
    const settings = { ...testConfig, webhookListenOn, ...config };
    this.operator = await createNsmOperator(settings, { client, port, logger });
    return this.operator;
  }

  get(name = "mesh"): Promise<Nsm> {
    return this.server.get(nsms, { namespace: "nsm-system", name });
  }

  /** Waits until the resource is as wanted. */
  async until(condition: (nsm: Nsm) => boolean, name = "mesh", timeoutMs?: number): Promise<Nsm> {
    return until(
      () => this.get(name),
      condition,
      (nsm) => JSON.stringify(nsm.status, undefined, 1),
      timeoutMs,
    );
  }

  settled(name = "mesh"): Promise<Nsm> {
    return this.until((nsm) => isReady(nsm), name);
  }

  /** Waits for an event about the mesh. */
  async told(reason: string, note: RegExp): Promise<void> {
    await until(
      async () => (await this.server.list(events)).items.map((one) => `${one.reason}: ${one.note}`),
      (all) => all.some((text) => text.startsWith(`${reason}: `) && note.test(text)),
    );
  }

  /** Waits until nobody has written for a while; leases do not count. */
  async quiet(ms = 150): Promise<void> {
    for (let writes = -1; writes !== this.server.writes; ) {
      writes = this.server.writes;
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  /** Waits until the resource has ended. */
  async gone(name = "mesh"): Promise<void> {
    await until(
      () => this.server.find(nsms, { namespace: "nsm-system", name }),
      (nsm) => nsm === undefined,
    );
  }

  async close(): Promise<void> {
    await this.operator?.close();
    await this.kubelets.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export function condition(nsm: Nsm, type: string): string | undefined {
  const found = nsm.status?.conditions?.find((one) => one.type === type);
  return found && `${found.status} ${found.reason}`;
}

export const isReady = (nsm: Nsm): boolean =>
  condition(nsm, "Ready") === "True Available" && nsm.status?.observedGeneration === nsm.metadata.generation;

/** Everything in the cluster that the operator applied, what it needs for itself apart: "DaemonSet nsmgr". */
export async function leftovers(client: Client): Promise<string[]> {
  const found: string[] = [];
  for (const kind of kinds.filter((one) => !one.custom)) {
    const { items } = await client.list<UnknownObject>(kind);
    const ours = items
      .filter((item) => item.metadata.labels?.["app.kubernetes.io/component"] !== "admission")
      .filter((item) => item.metadata.managedFields?.some((entry) => entry.manager === fieldManager));
    found.push(...ours.map((item) => `${item.kind} ${item.metadata.name}`));
  }
  return found.filter((name) => !name.endsWith(" nsms.nsm.networkservicemesh.io")).sort();
}

export async function until<T>(
  read: () => Promise<T>,
  good: (value: T) => boolean,
  describe: (value: T) => string = (value) => JSON.stringify(value),
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    if (performance.now() > deadline) throw new Error(`it did not come true: ${describe(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
