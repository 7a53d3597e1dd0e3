import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { insideDirectory } from "../host/places.ts";
import type { ContainerSpec, PodSpec } from "../spec/spec.ts";
import { writeHosts } from "./cluster.ts";
import type { SupervisorContext } from "./context.ts";
import { agentEnvironment } from "./delivery.ts";
import { LogFile } from "./log-file.ts";
import { ManagedProcess } from "./managed-process.ts";
import { meshDirectory, nodeFiles } from "./node.ts";
import { prepareOwnFolders } from "./own-folders.ts";
import { Sandbox, type SandboxMount } from "./sandbox.ts";
import { toolMounts } from "./tools.ts";
import { prepareVolumes, writeConfigMap } from "./volumes.ts";

export interface LabContainer {
  readonly spec: ContainerSpec;
  /** Absent where there is nothing to run. */
  readonly process?: ManagedProcess;
  readonly init: boolean;
  /** File that exists while the Pod's network services are connected. */
  readonly readyFile?: string;
}

const readyPollMs = 10;

/** A Pod of the lab: its namespaces and the programs in them. */
export class LabPod {
  readonly spec: PodSpec;
  readonly sandbox: Sandbox;
  readonly containers: readonly LabContainer[];
  #closed = false;

  private constructor(spec: PodSpec, sandbox: Sandbox, containers: readonly LabContainer[]) {
    this.spec = spec;
    this.sandbox = sandbox;
    this.containers = containers;
  }

  /** @param host the node's sandbox, whose network a Pod with hostNetwork uses */
  static async open(spec: PodSpec, host: () => Promise<Sandbox>, context: SupervisorContext): Promise<LabPod> {
    const directory = podDirectory(spec.name);
    await rm(directory, { recursive: true, force: true });
    const own = await prepareOwnFolders(directory);
    const places = { pod: join(directory, "volumes"), mesh: meshDirectory(spec.node), nodeFiles: nodeFiles(spec.node) };
    const volumes = await prepareVolumes(spec, context.configMaps, places, own, context.root);
    const tools = toolMounts(spec.tools ?? [], context.root);
    const hosts = await LabPod.#prepareHosts(spec, context);
    const sandbox = await Sandbox.open({
      name: `Pod ${spec.name}`,
      hostname: spec.hostname,
      mounts: [...tools, ...hosts, ...volumes, ...own],
      sysctls: spec.sysctls,
      netlink: context.netlink,
      env: { ...context.env, HOSTNAME: spec.hostname },
      ...(spec.hostNetwork ? { network: await host() } : {}),
    });
    const containers = (list: readonly ContainerSpec[], init: boolean): LabContainer[] =>
      list.map((container) => makeContainer(container, init, spec, sandbox, context));
    return new LabPod(spec, sandbox, [...containers(spec.initContainers, true), ...containers(spec.containers, false)]);
  }

  static async #prepareHosts(spec: PodSpec, context: SupervisorContext): Promise<SandboxMount[]> {
    if (spec.clusterAddress === undefined) return [];
    const source = hostsFile(spec.name);
    await writeHosts(source, spec, context.services());
    context.root.ensureMountPoint("/etc/hosts", "file");
    return [{ source, target: "/etc/hosts", readOnly: false }];
  }

  /** Brings the names of Services to what they are now. */
  async updateHosts(context: SupervisorContext): Promise<void> {
    if (this.spec.clusterAddress !== undefined)
      await writeHosts(hostsFile(this.spec.name), this.spec, context.services());
  }

  /** Starts the containers, init containers one after the other before the rest. */
  async start(): Promise<void> {
    for (const { process, spec } of this.containers.filter((container) => container.init)) {
      if (!process || this.#closed) continue;
      process.start();
      // One that failed for good keeps the Pod from starting, as on a cluster.
      if (!spec.sidecar && !(await process.completed)) return;
    }
    const [connecting, others] = [true, false].map((connects) =>
      this.containers.filter(({ init, readyFile }) => !init && (readyFile !== undefined) === connects),
    );
    for (const { process, readyFile } of connecting ?? []) {
      if (this.#closed) return;
      process?.start();
      while (readyFile && !existsSync(readyFile) && !this.#closed) await sleep(readyPollMs);
    }
    if (this.#closed) return;
    for (const { process } of others ?? []) process?.start();
  }

  /** By name; without one, the first that is the user's own. */
  container(name?: string): LabContainer | undefined {
    if (name !== undefined) return this.containers.find(({ spec }) => spec.name === name);
    const own = this.containers.filter(({ init, spec }) => !init && spec.program !== "nsc");
    return own[0] ?? this.containers[0];
  }

  /** Brings changed ConfigMaps into the volumes, under running programs, as a kubelet does. */
  async updateConfigMap(name: string, context: SupervisorContext): Promise<void> {
    for (const volume of this.spec.volumes)
      if (volume.type === "configMap" && volume.configMap === name)
        await writeConfigMap(volume, context.configMaps, join(podDirectory(this.spec.name), "volumes", volume.name));
  }

  /** Ends this Pod alone: its agents have time to give back their connections. */
  async close(): Promise<void> {
    // Beyond a few seconds nobody wants to wait for a lab.
    const graceMs = Math.min(5, this.spec.graceSeconds) * 1000;
    await this.#end(() => graceMs);
  }

  /** Ends this Pod with the whole lab: only the users' programs may have something to put away. */
  async closeAtOnce(): Promise<void> {
    await this.#end((container) => (container.program === undefined ? 1000 : 0));
  }

  async #end(graceMs: (container: ContainerSpec) => number): Promise<void> {
    this.#closed = true;
    await Promise.all(this.containers.map(({ process, spec }) => process?.stop(graceMs(spec))));
    await this.sandbox.close();
    await rm(podDirectory(this.spec.name), { recursive: true, force: true });
  }
}

function makeContainer(
  spec: ContainerSpec,
  init: boolean,
  pod: PodSpec,
  sandbox: Sandbox,
  context: SupervisorContext,
): LabContainer {
  const { command } = spec;
  if (!command) return { spec, init };
  const readyFile = spec.connectsPod ? join(podDirectory(pod.name), "connected") : undefined;
  const env = {
    ...(spec.microservice ? agentEnvironment(spec.microservice) : {}),
    ...(readyFile === undefined ? {} : { NSM_READY_FILE: readyFile }),
    ...Object.fromEntries(spec.env),
  };
  const once = init && !spec.sidecar;
  const process = new ManagedProcess({
    name: spec.name,
    start: () => sandbox.spawn(command, { env, workingDir: spec.workingDir }),
    restart: once && pod.restartPolicy === "Always" ? "OnFailure" : pod.restartPolicy,
    log: new LogFile(join(insideDirectory, "logs", pod.name, `${spec.name}.log`)),
    onChange: context.onChange,
  });
  return { spec, process, init, ...(readyFile === undefined ? {} : { readyFile }) };
}

function hostsFile(pod: string): string {
  return join(podDirectory(pod), "hosts");
}

export function podDirectory(pod: string): string {
  return join(insideDirectory, "pods", pod);
}
