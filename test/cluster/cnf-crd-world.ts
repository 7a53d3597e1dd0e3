/** A cnf-crd with the rights of deploy/cnf-crd.yaml and no more, on a real API server, and a real etcd for its agents. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CnfConfigurationStatus } from "@nsmkit/agent/cnf-configuration";
import { type Etcd, follow, formatStatus, openEtcd, openSession, prefix, statusKey, textOf } from "@nsmkit/agent/etcd";
import { RecordingLogger } from "@nsmkit/core/testing";
import { KubeClient, type Resource, type UnknownObject } from "@nsmkit/kube";
import { webhookConfigurations } from "@nsmkit/kube/admission";
import type { ValueStatus } from "@nsmkit/scheduler";
import { parseAllDocuments } from "yaml";
import { createCnfCrd, type RunningCnfCrd } from "../../cmd/cnf-crd/src/app.ts";
import { type CnfConfigurationObject, cnfConfigurations } from "../../cmd/cnf-crd/src/declared/resource.ts";
import { testConfig } from "../../cmd/cnf-crd/src/testing/world.ts";
import { EtcdServer } from "../etcd/server.ts";
import { type ControlPlane, freePort } from "./control-plane.ts";

const manifest = join(import.meta.dirname, "../../deploy/cnf-crd.yaml");

/** The documents of deploy/cnf-crd.yaml. */
export async function cnfCrdManifest(): Promise<readonly UnknownObject[]> {
  return documents(await readFile(manifest, "utf8"));
}

export const documents = (text: string): UnknownObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as UnknownObject | null)
    .filter((object) => object !== null);

const plurals: Readonly<Record<string, readonly [group: string, plural: string, namespaced: boolean]>> = {
  ServiceAccount: ["", "serviceaccounts", true],
  ConfigMap: ["", "configmaps", true],
  Service: ["", "services", true],
  Namespace: ["", "namespaces", false],
  Role: ["rbac.authorization.k8s.io", "roles", true],
  RoleBinding: ["rbac.authorization.k8s.io", "rolebindings", true],
  ClusterRole: ["rbac.authorization.k8s.io", "clusterroles", false],
  ClusterRoleBinding: ["rbac.authorization.k8s.io", "clusterrolebindings", false],
  Deployment: ["apps", "deployments", true],
  StatefulSet: ["apps", "statefulsets", true],
  CustomResourceDefinition: ["apiextensions.k8s.io", "customresourcedefinitions", false],
};

export function resourceOf(kind: string): Resource {
  const found = plurals[kind];
  if (!found) throw new Error(`this suite does not know ${kind}`);
  const [group, plural, namespaced] = found;
  return { group, version: "v1", kind, plural, namespaced };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class CnfCrdWorld implements AsyncDisposable {
  readonly plane: ControlPlane;
  readonly server: EtcdServer;
  /** The administrator's. */
  readonly admin: KubeClient;
  /** Somebody else's connection. */
  readonly etcd: Etcd;
  readonly logger = new RecordingLogger();
  controller: RunningCnfCrd | undefined;
  #own: (AsyncDisposable | undefined)[] = [];

  private constructor(plane: ControlPlane, server: EtcdServer, admin: KubeClient) {
    this.plane = plane;
    this.server = server;
    this.admin = admin;
    this.etcd = openEtcd({ endpoints: [server.endpoint], operationTimeoutMs: 2_000 });
  }

  static async open(plane: ControlPlane, options: { etcdFlags?: readonly string[] } = {}): Promise<CnfCrdWorld> {
    const server = await EtcdServer.start(options.etcdFlags ? { flags: options.etcdFlags } : {});
    const world = new CnfCrdWorld(plane, server, new KubeClient(await plane.config()));
    for (const object of await cnfCrdManifest()) {
      await world.admin.apply(resourceOf(object.kind), object, { fieldManager: "kubectl" });
    }
    return world;
  }

  /** Settings of a client that is the controller's service account (TokenRequest, authentication.k8s.io/v1). */
  async config(): Promise<Awaited<ReturnType<ControlPlane["config"]>>> {
    const kind: Resource = {
      group: "",
      version: "v1",
      kind: "TokenRequest",
      plural: "namespaces/default/serviceaccounts/cnf-crd/token",
      namespaced: false,
    };
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {} };
    const spec = { audiences: [], expirationSeconds: 3600 };
    const response = await this.admin.create<UnknownObject>(kind, { ...request, spec });
    const { token } = response.status as { token: string };
    return { ...(await this.plane.config()), authorization: async () => `Bearer ${token}` };
  }

  async start(config: Partial<typeof testConfig> = {}): Promise<RunningCnfCrd> {
    const port = await freePort();
    const client = new KubeClient(await this.config());
    const etcd = openEtcd({ endpoints: [this.server.endpoint], operationTimeoutMs: 2_000 });
    this.#own = [etcd, client];
    this.controller = await createCnfCrd(
      {
        ...testConfig,
        webhookListenOn: `127.0.0.1:${port}`,
        webhookUrl: `https://localhost:${port}/validate`,
        ...config,
      },
      { client, etcd, logger: this.logger },
    );
    this.controller.done.catch(() => {});
    return this.controller;
  }

  /** Waits until the API server asks the webhook. */
  async asked(): Promise<void> {
    await this.until(
      () => this.admin.find(webhookConfigurations("ValidatingWebhookConfiguration"), { name: "cnf-crd.pantheon.tech" }),
      (found) => found !== undefined,
    );
    await this.until(
      async () =>
        this.admin.apply(cnfConfigurations, broken, { fieldManager: "test", dryRun: true }).catch(() => "refused"),
      (answer) => answer === "refused",
    );
  }

  async stop(): Promise<void> {
    await this.controller?.close();
    this.controller = undefined;
    for (const one of this.#own) await one?.[Symbol.asyncDispose]();
    this.#own = [];
  }

  apply(object: UnknownObject): Promise<CnfConfigurationObject> {
    const metadata = { namespace: "default", ...object.metadata };
    return this.admin.apply(cnfConfigurations, { ...object, metadata }, { fieldManager: "kubectl" });
  }

  async status(name: string, namespace = "default"): Promise<CnfConfigurationStatus> {
    return (await this.admin.get(cnfConfigurations, { namespace, name })).status ?? {};
  }

  /** As `kubectl wait --for=condition=TYPE=STATUS`: a condition of an older generation does not count. */
  wait(name: string, type: string, status = "True", timeoutMs = 20_000): Promise<CnfConfigurationObject> {
    return this.until(
      () => this.admin.get(cnfConfigurations, { namespace: "default", name }),
      (object) => {
        const found = object.status?.conditions?.find((one) => one.type === type);
        return found?.status === status && found.observedGeneration >= (object.metadata.generation ?? 0);
      },
      timeoutMs,
    );
  }

  /** Under a prefix: "key value". */
  async stored(root = "/vnf-agent/"): Promise<string[]> {
    const { kvs } = await this.etcd.list(prefix(root));
    return kvs
      .map(({ key, value }) => `${textOf(key)} ${textOf(value)}`)
      .filter((line) => /^\/vnf-agent\/[^/]+\/config\//.test(line));
  }

  untilStored(wanted: readonly string[], timeoutMs = 20_000): Promise<string[]> {
    const sorted = JSON.stringify(wanted.toSorted());
    return this.until(
      () => this.stored().catch(() => []),
      (found) => JSON.stringify(found.toSorted()) === sorted,
      timeoutMs,
    );
  }

  async until<T>(read: () => Promise<T>, good: (value: T) => boolean, timeoutMs = 20_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const value = await read();
      if (good(value)) return value;
      if (performance.now() > deadline) {
        const lines = this.logger.lines
          .filter(({ level }) => level === "warn" || level === "error")
          .slice(-6)
          .map(({ message, fields }) => `${message} ${JSON.stringify(fields)} ${fields.error ?? ""}`);
        throw new Error(`it did not come true: ${JSON.stringify(value, undefined, 1)}\n${lines.join("\n")}`);
      }
      await pause(20);
    }
  }

  /** Removes every resource, and whatever else is in etcd. */
  async clear(): Promise<void> {
    const { items } = await this.admin.list(cnfConfigurations);
    for (const { metadata } of items) {
      await this.admin.delete(cnfConfigurations, { namespace: metadata.namespace ?? "", name: metadata.name ?? "" });
    }
  }

  async close(): Promise<void> {
    await this.stop();
    await this.etcd.close();
    await this.admin.close();
    await this.server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const broken: CnfConfigurationObject = {
  apiVersion: "pantheon.tech/v1",
  kind: "CNFConfiguration",
  metadata: { namespace: "default", name: "never-stored" },
  spec: { configItems: [{ microservice: "a", module: "no.such", type: "model", data: "" }] },
};

/** An agent as far as etcd sees it: it says of each of its values what `stateOf` gives, bound to a lease. */
export class ReportingAgent implements AsyncDisposable {
  readonly #etcd: Etcd;
  readonly #session: ReturnType<typeof openSession>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(endpoint: string, label: string, stateOf: (key: string) => Partial<ValueStatus> = () => ({})) {
    this.#etcd = openEtcd({ endpoints: [endpoint] });
    this.#session = openSession(this.#etcd, { ttlSeconds: 2 });
    this.#running = this.#run(label, stateOf);
  }

  async #run(label: string, stateOf: (key: string) => Partial<ValueStatus>): Promise<void> {
    const { signal } = this.#stop;
    const root = `/vnf-agent/${label}/config/`;
    while (this.#session.lease === undefined) await pause(10);
    const lease = this.#session.lease;
    for await (const update of follow(this.#etcd, prefix(root), { signal })) {
      const puts =
        update.kind === "snapshot" ? update.kvs : update.events.filter((e) => e.type === "put").map((e) => e.kv);
      const gone = update.kind === "snapshot" ? [] : update.events.filter((e) => e.type === "delete").map((e) => e.kv);
      const itemKey = (key: Uint8Array): string => (textOf(key) ?? "").slice(`/vnf-agent/${label}/`.length);
      for (const { key } of puts) {
        const item = itemKey(key);
        const status = { key: item, state: "CONFIGURED" as const, ...stateOf(item) };
        await this.#etcd.put(statusKey(label, item), formatStatus(status), { lease });
      }
      for (const { key } of gone) await this.#etcd.delete(statusKey(label, itemKey(key)));
    }
  }

  /** Without a word: its lease runs out. */
  async kill(): Promise<void> {
    this.#stop.abort();
    await this.#running.catch(() => {});
    await this.#etcd.close();
    await this.#session.close();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running.catch(() => {});
    await this.#session.close();
    await this.#etcd.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
