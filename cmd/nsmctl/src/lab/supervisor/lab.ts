import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CodedError, messageOf, mustExist } from "@nsmkit/core";
import type { Netlink } from "@nsmkit/netlink";
import { insideDirectory } from "../host/places.ts";
import { type PlanStep, planLab } from "../spec/plan.ts";
import type { LabSpec } from "../spec/spec.ts";
import { ClusterNetwork, networkOf } from "./cluster.ts";
import { connectFrom } from "./connect.ts";
import type { SupervisorContext } from "./context.ts";
import { deliver, prepareFolder } from "./delivery.ts";
import { EtcdDelivery, storedKeys } from "./etcd-delivery.ts";
import { LabLinks } from "./links.ts";
import { LabNode } from "./node.ts";
import { LabPod } from "./pod.ts";
import type { Progress } from "./progress.ts";
import { LabRegistry } from "./registry.ts";
import type { LabRoot } from "./root-fs.ts";
import type { Sandbox } from "./sandbox.ts";
import { Underlay } from "./underlay.ts";

export interface LabOptions {
  readonly netlink: Netlink;
  readonly root: LabRoot;
  readonly env: Readonly<Record<string, string>>;
  readonly onChange: () => void;
}

/** Everything that runs, and the way from what is to what shall be. */
export class RunningLab {
  readonly nodes = new Map<string, LabNode>();
  readonly pods = new Map<string, LabPod>();
  readonly #links: LabLinks;
  readonly #options: LabOptions;
  #context: SupervisorContext | undefined;
  #underlay: Underlay | undefined;
  #registry: LabRegistry | undefined;
  #cluster: ClusterNetwork | undefined;
  readonly #etcd: EtcdDelivery;
  /** Of the last spec; the parts that are running are in the maps. */
  #spec: LabSpec | undefined;

  constructor(options: LabOptions) {
    this.#options = options;
    this.#links = new LabLinks(
      options.netlink,
      ({ kind, name }) => (kind === "node" ? this.nodes : this.pods).get(name)?.sandbox,
    );
    this.#etcd = new EtcdDelivery(
      (pod, host, port) => (dialing) => this.connect(pod, host, port, dialing),
      options.onChange,
    );
  }

  get spec(): LabSpec | undefined {
    return this.#spec;
  }

  /** In the order in which they are declared. */
  get podList(): readonly LabPod[] {
    return (this.#spec?.pods ?? []).flatMap(({ name }) => this.pods.get(name) ?? []);
  }

  get nodeList(): readonly LabNode[] {
    return (this.#spec?.nodes ?? []).flatMap(({ name }) => this.nodes.get(name) ?? []);
  }

  get registry(): LabRegistry | undefined {
    return this.#registry;
  }

  /** What really runs, so that the next plan makes up for what failed. */
  current(): LabSpec | undefined {
    if (!this.#spec) return undefined;
    return {
      ...this.#spec,
      nodes: [...this.nodes.values()].map((node) => node.spec),
      links: this.#links.all,
      networkServices: this.#registry?.services ?? [],
      configMaps: [...(this.#context?.configMaps.values() ?? [])],
      pods: [...this.pods.values()].map((pod) => pod.spec),
      configurations: [...(this.#context?.configurations.values() ?? [])],
      ...(this.#spec.cluster ? { cluster: { ...this.#spec.cluster, services: this.#cluster?.services ?? [] } } : {}),
    };
  }

  plan(to: LabSpec): PlanStep[] {
    return planLab(this.current(), to);
  }

  /**
   * Makes the lab what `to` says. Parts that cannot be made are named in the error and left out; the rest runs.
   * @throws CodedError
   */
  async apply(to: LabSpec, progress: Progress, options: { signal: AbortSignal }): Promise<PlanStep[]> {
    const plan = this.plan(to);
    progress.plan(plan);
    // Descriptions and checks may differ without anything to do.
    if (plan.length === 0 && this.#context) {
      this.#spec = to;
      return plan;
    }
    const changed = new Map(plan.map((step) => [`${step.kind}/${step.name}`, step.action]));
    const isNew = (kind: PlanStep["kind"], name: string): boolean =>
      ["create", "replace"].includes(changed.get(`${kind}/${name}`) ?? "");
    const failures: string[] = [];
    const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        failures.push(`${what}: ${messageOf(error)}`);
      }
    };
    await this.#remove(plan, options);
    const context = await this.#base(to);
    context.configMaps.clear();
    for (const map of to.configMaps) context.configMaps.set(map.name, map);
    context.configurations.clear();
    for (const configuration of to.configurations) context.configurations.set(configuration.name, configuration);
    const registry = mustExist(this.#registry, "the registry");

    const pods = to.pods.filter((pod) => isNew("pod", pod.name));
    const nodes = to.nodes.filter((node) => isNew("node", node.name));
    const registered = this.#registerServices(to, plan, registry, progress, options);
    await progress.phase("namespaces", `${nodes.length} node(s), ${pods.length} Pod(s)`, async () => {
      await Promise.all(agentLabels(to).map(prepareFolder));
      await deliver(context.configurations.values());
      const opening = new Map(nodes.map((node) => [node.name, LabNode.open(node, context)]));
      const host = async (name: string): Promise<Sandbox> =>
        (this.nodes.get(name) ?? mustExist(await opening.get(name), `node ${name}`)).sandbox;
      await Promise.all([
        ...nodes.map((node) =>
          attempt(`node ${node.name}`, async () => {
            const made = mustExist(await opening.get(node.name), `node ${node.name}`);
            this.nodes.set(node.name, made);
            await this.#underlay?.attach(node, made.sandbox);
            await this.#cluster?.attachNode(made.sandbox, to.gateway.split("/")[0] ?? "");
            made.start();
          }),
        ),
        ...pods.map((pod) =>
          attempt(`Pod ${pod.name}`, async () => {
            const made = await LabPod.open(pod, () => host(pod.node), context);
            this.pods.set(pod.name, made);
            await this.#cluster?.attachPod(pod, made.sandbox, networkOf(to.gateway));
          }),
        ),
      ]);
      for (const link of to.links.filter((link) => isNew("link", link.name)))
        await attempt(`link ${link.name}`, () => this.#links.add(link));
    });
    await attempt("services", () => this.#updateServices(to, context));
    this.#etcd.update(context.configurations.values());
    for (const pod of pods) void this.pods.get(pod.name)?.start();
    for (const step of plan)
      if (step.kind === "config map" && step.action === "update")
        for (const pod of this.pods.values()) await pod.updateConfigMap(step.name, context);
    await attempt("network services", () => registered);
    if (failures.length > 0) throw new CodedError("UNAVAILABLE", failures.join("\n"));
    return plan;
  }

  /** What is not yet in the etcds of agents. */
  deliveryProblems(): string[] {
    return this.#etcd.problems();
  }

  /** Keys that the agent of a Pod is given in etcd, without its prefix. */
  storedKeys(pod: string): string[] {
    return storedKeys(this.#context?.configurations.values() ?? [], pod);
  }

  /** A connection as a program in the Pod would open it. @throws CodedError NOT_FOUND, UNAVAILABLE */
  async connect(name: string, host: string, port: number, options: { signal: AbortSignal }): Promise<Duplex> {
    const pod = this.pods.get(name);
    if (!pod) throw new CodedError("NOT_FOUND", `there is no Pod ${name}`);
    return connectFrom(pod, this.#spec?.cluster?.services ?? [], { host, port }, options);
  }

  /**
   * Ends everything. Our own programs need no time for it: what they would put away goes with the namespaces. The
   * users' have a second.
   */
  async close(): Promise<void> {
    const pods = [...this.pods.values()];
    const nodes = [...this.nodes.values()];
    this.pods.clear();
    this.nodes.clear();
    this.#etcd.close();
    await Promise.all(pods.map((pod) => pod.closeAtOnce()));
    await Promise.all([...nodes.map((node) => node.close({ graceMs: 0 })), this.#registry?.close({ graceMs: 0 })]);
  }

  async #base(to: LabSpec): Promise<SupervisorContext> {
    const { netlink, root, env, onChange } = this.#options;
    const moved = this.#spec && (this.#spec.gateway !== to.gateway || this.#spec.underlayMtu !== to.underlayMtu);
    if (moved) {
      await this.#registry?.close();
      await this.#cluster?.stop();
      await this.#underlay?.stop();
      this.#cluster = undefined;
      this.#context = undefined;
    }
    this.#spec = to;
    if (this.#context) {
      await this.#startCluster(to);
      return this.#context;
    }
    this.#context = {
      netlink,
      root,
      env,
      onChange,
      registryUrl: `tcp://${to.gateway.split("/")[0]}:5002`,
      configMaps: new Map(),
      configurations: new Map(),
      services: () => this.#spec?.cluster?.services ?? [],
    };
    this.#underlay = new Underlay(netlink, to.underlayMtu);
    await this.#underlay.start(to.gateway);
    await this.#startCluster(to);
    this.#registry = new LabRegistry(this.#context);
    this.#registry.start();
    return this.#context;
  }

  /** Once: Pods of a lab that had no Services are replaced, nodes are told here. */
  async #startCluster({ cluster, gateway }: LabSpec): Promise<void> {
    if (!cluster || this.#cluster?.gateway === cluster.gateway) return;
    await this.#cluster?.stop();
    const address = (pod: string): string | undefined => this.pods.get(pod)?.spec.clusterAddress?.split("/")[0];
    this.#cluster = new ClusterNetwork(this.#options.netlink, address);
    await this.#cluster.start(cluster);
    for (const { sandbox } of this.nodes.values()) await this.#cluster.attachNode(sandbox, gateway.split("/")[0] ?? "");
  }

  async #updateServices({ cluster }: LabSpec, context: SupervisorContext): Promise<void> {
    const nodes = [...this.nodes.values()].map(({ spec, sandbox }) => ({ name: spec.name, sandbox }));
    await this.#cluster?.update(cluster?.services ?? [], nodes);
    await Promise.all([...this.pods.values()].map((pod) => pod.updateHosts(context)));
  }

  async #registerServices(
    to: LabSpec,
    plan: readonly PlanStep[],
    registry: LabRegistry,
    progress: Progress,
    options: { signal: AbortSignal },
  ): Promise<void> {
    const names = new Set(
      plan.filter((step) => step.kind === "network service" && step.action !== "delete").map((step) => step.name),
    );
    const services = registry.ready
      ? to.networkServices.filter((service) => names.has(service.name))
      : to.networkServices;
    if (registry.ready && services.length === 0) return;
    await progress.phase("registry", `${services.length} network service(s)`, () =>
      registry.register(services, options),
    );
  }

  async #remove(plan: readonly PlanStep[], options: { signal: AbortSignal }): Promise<void> {
    const gone = plan.filter((step) => step.action === "delete" || step.action === "replace");
    const of = (kind: PlanStep["kind"]): string[] => gone.filter((step) => step.kind === kind).map((step) => step.name);
    // Before its ends: the kernel takes a namespace apart later, and the far end would be there until then.
    for (const name of of("link")) await this.#links.remove(name);
    await Promise.all(
      of("pod").map(async (name) => {
        const pod = this.pods.get(name);
        this.pods.delete(name);
        await pod?.close();
        this.#cluster?.leave(name);
      }),
    );
    await Promise.all(
      of("node").map(async (name) => {
        const node = this.nodes.get(name);
        this.nodes.delete(name);
        await node?.close();
        await rm(join(insideDirectory, "nodes", name), { recursive: true, force: true });
      }),
    );
    for (const name of of("network service")) await this.#registry?.unregister(name, options);
  }
}

function agentLabels(spec: LabSpec): string[] {
  return spec.pods.flatMap((pod) => pod.containers.flatMap(({ microservice }) => (microservice ? [microservice] : [])));
}
