import { join } from "node:path";
import type { Netlink } from "@nsmkit/netlink";
import { agentProblems } from "./agent-probe.ts";
import { joinConnections, readConnections } from "./connections.ts";
import { readNetworks } from "./interfaces.ts";
import type { RunningLab } from "./lab.ts";
import type { ManagedProcess } from "./managed-process.ts";
import { type LabNode, meshDirectory } from "./node.ts";
import type { LabContainer, LabPod } from "./pod.ts";
import type { ContainerStatus, LabStatus, NodeStatus, PodStatus, ProgramStatus } from "./status-types.ts";

const probeTimeoutMs = 1000;

/** Looks at everything now: programs, agents, kernel, managers. What does not answer is told as such. */
export async function readStatus(
  lab: RunningLab,
  netlink: Netlink,
  facts: Pick<LabStatus, "directory" | "startedMs" | "rootless">,
): Promise<LabStatus> {
  const pods = lab.podList;
  const nodes = lab.nodeList;
  const [networks, connections, containers] = await Promise.all([
    readNetworks(
      netlink,
      pods.map((pod) => pod.sandbox),
    ),
    Promise.all(nodes.filter((node) => node.ready).map(connectionsOf)),
    Promise.all(
      pods.map((pod) => Promise.all(pod.containers.map((container) => containerStatus(container, pod, lab)))),
    ),
  ]);
  const interfaces = pods.map((pod, i) => ({ pod: pod.spec.name, interfaces: networks[i]?.interfaces ?? [] }));
  return {
    name: lab.spec?.name ?? "",
    ...facts,
    supervisorPid: process.pid,
    registry: lab.registry
      ? programStatus(lab.registry.process)
      : { name: "registry", state: "waiting", reason: "not started", restarts: 0 },
    nodes: nodes.map(nodeStatus),
    pods: pods.map((pod, i) => podStatus(pod, containers[i] ?? [], networks[i])),
    networkServices: lab.registry?.services.map((service) => service.name) ?? [],
    connections: joinConnections(connections.flat(), interfaces),
    links: (lab.current()?.links ?? []).map(({ ends }) => ({
      ends: ends.map(({ owner, interface: name, addresses }) => ({ ...owner, interface: name, addresses })),
    })),
  };
}

async function connectionsOf(node: LabNode) {
  const target = `unix://${join(meshDirectory(node.spec.name), "nsm.io.sock")}`;
  return readConnections(target, { signal: AbortSignal.timeout(probeTimeoutMs) }).catch(() => []);
}

export function programStatus(process: ManagedProcess): ProgramStatus {
  const { state, restarts, lastWords } = process;
  const said =
    lastWords !== "" && (state.state === "back-off" || state.state === "failed") ? `; it said: ${lastWords}` : "";
  return {
    name: process.name,
    state: state.state,
    ...("reason" in state ? { reason: `${state.reason}${said}` } : {}),
    ...("pid" in state ? { pid: state.pid } : {}),
    restarts,
  };
}

async function containerStatus(
  { spec, process }: LabContainer,
  pod: LabPod,
  lab: RunningLab,
): Promise<ContainerStatus> {
  const { name, image, microservice } = spec;
  if (!process)
    return {
      name,
      image,
      state: "not runnable",
      restarts: 0,
      ...(spec.notRunnable ? { reason: spec.notRunnable } : {}),
    };
  const status = { image, ...programStatus(process) };
  if (microservice === undefined) return status;
  const signal = AbortSignal.timeout(probeTimeoutMs);
  const problems = await agentProblems(pod.sandbox.handle, { signal, keys: lab.storedKeys(pod.spec.name) });
  return { ...status, agent: { microservice, problems } };
}

function nodeStatus(node: LabNode): NodeStatus {
  return {
    name: node.spec.name,
    address: node.spec.address,
    pid: node.sandbox.pid,
    ready: node.ready,
    programs: node.programs.map(programStatus),
  };
}

function podStatus(
  { spec, sandbox }: LabPod,
  containers: readonly ContainerStatus[],
  network: Awaited<ReturnType<typeof readNetworks>>[number] | undefined,
): PodStatus {
  return {
    name: spec.name,
    namespace: spec.namespace,
    node: spec.node,
    hostNetwork: spec.hostNetwork,
    pid: sandbox.pid,
    ready: containers.every(isReady),
    containers,
    // On the host network the node's interfaces are told with the node.
    interfaces: network?.interfaces ?? [],
    routes: network?.routes ?? [],
  };
}

export function isReady(container: ContainerStatus): boolean {
  if (container.state === "completed" || container.state === "not runnable") return true;
  return container.state === "running" && (container.agent?.problems.length ?? 0) === 0;
}
