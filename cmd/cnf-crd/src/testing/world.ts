import { type CnfConfigurationStatus, cnfConfigurationDefinition, conditionOf } from "@nsmkit/agent/cnf-configuration";
import { type Etcd, prefix, textOf } from "@nsmkit/agent/etcd";
import { MemoryEtcd } from "@nsmkit/agent/testing";
import { FakeClock, RecordingLogger } from "@nsmkit/core/testing";
import type { Client, Resource, UnknownObject } from "@nsmkit/kube";
import { MemoryApiServer } from "@nsmkit/kube/testing";
import { createCnfCrd, type RunningCnfCrd } from "../app.ts";
import { type CnfConfigurationObject, cnfConfigurations } from "../declared/resource.ts";
import { definitions } from "../definition.ts";
import type { CnfCrdConfig } from "../settings.ts";

export const testConfig: CnfCrdConfig = {
  etcdConfig: "etcd.conf",
  configDir: ".",
  kubeconfig: undefined,
  kubernetesHost: undefined,
  kubernetesPort: undefined,
  podName: "cnf-crd-0",
  namespace: "default",
  unknownModels: [],
  verbose: false,
  listenOn: "127.0.0.1:0",
  webhookListenOn: "127.0.0.1:0",
  webhookUrl: undefined,
};

const namespaces: Resource = { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false };
const leases: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

/** One item: a bridge domain of the agent `label`. */
export function bridge(name: string, more: { label?: string; flood?: boolean } = {}): object {
  const { label, flood } = more;
  const data = `name: ${name}\n${flood === undefined ? "" : `flood: ${flood}\n`}`;
  return { module: "vpp.l2", type: "bridge-domain", data, ...(label === undefined ? {} : { microservice: label }) };
}

export const bridgeKey = (name: string, label = "a"): string =>
  `/vnf-agent/${label}/config/vpp/l2/v2/bridge-domain/${name}`;

export function resource(name: string, items: readonly object[], more: object = {}): CnfConfigurationObject {
  return {
    apiVersion: "pantheon.tech/v1",
    kind: "CNFConfiguration",
    metadata: { namespace: "default", name, ...more },
    spec: { microservice: "a", configItems: items },
  };
}

/** An API server and an etcd in memory, with controllers that come and go; time moves only while somebody waits. */
export class World implements AsyncDisposable {
  readonly clock = new FakeClock(Date.UTC(2026, 0, 1));
  readonly server = new MemoryApiServer({ clock: this.clock });
  readonly etcd = new MemoryEtcd({ clock: this.clock });
  readonly logger = new RecordingLogger();
  readonly #config: Partial<CnfCrdConfig>;
  #controllers: RunningCnfCrd[] = [];

  constructor(config: Partial<CnfCrdConfig> = {}) {
    this.#config = config;
  }

  async start(): Promise<this> {
    await this.server.create<UnknownObject>(namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "kube-system" },
    });
    const { status: _status, ...definition } = {
      ...(structuredClone(cnfConfigurationDefinition) as unknown as UnknownObject),
    };
    const conditions = [{ type: "Established", status: "True" }];
    await this.server.create<UnknownObject>(definitions, { ...(definition as UnknownObject), status: { conditions } });
    await this.startController();
    return this;
  }

  get controller(): RunningCnfCrd {
    const last = this.#controllers.at(-1);
    if (!last) throw new Error("no controller was started");
    return last;
  }

  /** Another controller; with `takeLease` it need not wait until the office of one that died has run out. */
  async startController(
    client: Client = this.server,
    options: { takeLease?: boolean; etcd?: Etcd } = {},
  ): Promise<RunningCnfCrd> {
    if (options.takeLease) await this.server.delete(leases, { namespace: "default", name: "cnf-crd" });
    const { logger, clock } = this;
    const { etcd = this.etcd } = options;
    const controller = await createCnfCrd({ ...testConfig, ...this.#config }, { client, etcd, logger, clock });
    this.#controllers.push(controller);
    controller.done.catch(() => {});
    return controller;
  }

  async stopControllers(): Promise<void> {
    const running = this.#controllers.splice(0);
    await Promise.all(running.map((controller) => controller.close()));
  }

  /** Lets time pass until it is true; keys and sockets have some real time too. */
  async until<T>(read: () => Promise<T> | T, good: (value: T) => boolean, withinMs = 60_000): Promise<T> {
    const deadline = performance.now() + 5_000;
    for (let passedMs = 0; ; passedMs += 50) {
      const value = await read();
      if (good(value)) return value;
      if (passedMs > withinMs && performance.now() > deadline) {
        const shown = (what: unknown): string =>
          JSON.stringify(what, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part));
        const lines = this.logger.lines.slice(-8).map(({ message, fields }) => `${message} ${shown(fields)}`);
        throw new Error(`it did not come true: ${shown(value)}\n${lines.join("\n")}`);
      }
      await this.pass(50);
    }
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      // Sockets and keys are made in real time.
      await new Promise((resolve) => setImmediate(resolve));
      await this.clock.advance(Math.min(50, left));
    }
  }

  create(name: string, items: readonly object[], more: object = {}): Promise<CnfConfigurationObject> {
    return this.server.create(cnfConfigurations, resource(name, items, more));
  }

  async change(name: string, items: readonly object[], annotations: object = {}): Promise<void> {
    const patch = { metadata: { annotations }, spec: { configItems: items } };
    await this.server.mergePatch(cnfConfigurations, { namespace: "default", name }, patch);
  }

  async remove(name: string): Promise<void> {
    await this.server.delete(cnfConfigurations, { namespace: "default", name });
  }

  async status(name: string): Promise<CnfConfigurationStatus> {
    const object = await this.server.get(cnfConfigurations, { namespace: "default", name });
    return object.status ?? {};
  }

  /** "Ready False ItemsFailed" of each condition, once the status is of the present generation. */
  async conditions(name: string): Promise<string[]> {
    const { metadata, status } = await this.server.get(cnfConfigurations, { namespace: "default", name });
    if (status?.observedGeneration !== metadata.generation) return [];
    return (["Accepted", "Stored", "Ready"] as const).flatMap((type) => {
      const found = conditionOf(status, type);
      return found ? [`${type} ${found.status} ${found.reason}`] : [];
    });
  }

  untilConditions(name: string, ...wanted: string[]): Promise<string[]> {
    return this.until(
      () => this.conditions(name),
      (found) => wanted.every((one) => found.includes(one)),
    );
  }

  /** Everything under the agents' prefix: "key=value". */
  async stored(): Promise<string[]> {
    const { kvs } = await this.etcd.list(prefix("/vnf-agent/"));
    return kvs.map(({ key, value }) => `${textOf(key)}=${textOf(value)}`);
  }

  /** Resources that have a record. */
  async recorded(): Promise<string[]> {
    const { kvs } = await this.etcd.list(prefix("/cnf-crd/"), { keysOnly: true });
    return kvs.flatMap(({ key }) => /\/owner\/(.*)$/.exec(textOf(key) ?? "")?.[1] ?? []);
  }

  untilStored(...wanted: string[]): Promise<string[]> {
    const sorted = JSON.stringify(wanted.toSorted());
    return this.until(
      () => this.stored(),
      (found) => JSON.stringify(found) === sorted,
    );
  }

  /** What an agent says of a value. */
  async report(name: string, state: string, more: object = {}, label = "a"): Promise<void> {
    const key = `config/vpp/l2/v2/bridge-domain/${name}`;
    await this.etcd.put(
      bridgeKey(name, label).replace("/config/", "/config-status/"),
      JSON.stringify({ key, state, ...more }),
    );
  }

  async close(): Promise<void> {
    await this.stopControllers();
    await this.etcd.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
