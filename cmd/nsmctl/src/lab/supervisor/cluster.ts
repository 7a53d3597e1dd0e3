import { writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { addrAdd, addrDelete, firstFailure, linkAdd, type Netlink, routeAdd } from "@nsmkit/netlink";
import { serviceNames } from "../spec/services.ts";
import {
  type ClusterSpec,
  clusterInterface,
  type PodSpec,
  type ServicePortSpec,
  type ServiceSpec,
} from "../spec/spec.ts";
import type { Sandbox } from "./sandbox.ts";

const bridge = "cluster";
/** A bridge without an address of its own takes that of a port, and another one when that port goes: nobody who knew it reaches it then. */
const bridgeMac = "02:6e:73:6d:19:01";

interface Node {
  readonly name: string;
  readonly sandbox: Sandbox;
}

/**
 * The network of Pods and Services, for labs that declare Services: a bridge beside the underlay. The supervisor has the
 * addresses of Services and forwards what comes to them, as kube-proxy did before it had the kernel do it.
 */
export class ClusterNetwork {
  readonly #netlink: Netlink;
  readonly #addressOf: (pod: string) => string | undefined;
  readonly #services = new Map<string, { spec: ServiceSpec; servers: Server[] }>();
  readonly #nodePorts = new Map<string, Server>();
  readonly #forwarded = new Map<string, Set<Socket>>();
  #ports = 0;
  #gateway = "";
  #turn = 0;

  /** @param addressOf of a Pod, without length */
  constructor(netlink: Netlink, addressOf: (pod: string) => string | undefined) {
    this.#netlink = netlink;
    this.#addressOf = addressOf;
  }

  get services(): readonly ServiceSpec[] {
    return [...this.#services.values()].map(({ spec }) => spec);
  }

  async start({ gateway }: ClusterSpec): Promise<void> {
    this.#gateway = gateway;
    const handle = this.#netlink.handle();
    const failure = firstFailure(
      await handle.batch([
        linkAdd({ kind: "bridge", name: bridge, mac: bridgeMac, up: true }),
        addrAdd({ link: bridge, address: gateway, nodad: true }),
      ]),
    );
    if (failure) throw failure;
    // Between Pods and nodes.
    await handle.sysctlSet("net.ipv4.ip_forward", "1");
  }

  get gateway(): string {
    return this.#gateway;
  }

  /** With all that hangs on it. */
  async stop(): Promise<void> {
    await this.update([], []);
    await this.#netlink.handle().linkDelete(bridge);
  }

  /** @param nodes the network of the nodes: "198.18.0.0/24" */
  async attachPod(pod: PodSpec, sandbox: Sandbox, nodes: string): Promise<void> {
    if (pod.hostNetwork || pod.clusterAddress === undefined) return;
    const name = `pod${this.#ports++}`;
    const peer = { name: clusterInterface, netns: sandbox.netns, mac: macOf(pod.clusterAddress), up: true };
    const gateway = this.#gateway.split("/")[0] ?? "";
    const failure = firstFailure(
      await this.#netlink.execute([
        { ops: [linkAdd({ kind: "veth", name, master: bridge, up: true, alias: pod.name, peer })] },
        {
          netns: sandbox.netns,
          ops: [
            addrAdd({ link: clusterInterface, address: pod.clusterAddress, nodad: true }),
            routeAdd({ destination: nodes, gateway }),
          ],
        },
      ]),
    );
    if (failure) throw failure;
  }

  /** @param gateway the lab's own end of the underlay, without length */
  async attachNode(sandbox: Sandbox, gateway: string): Promise<void> {
    await sandbox.handle.routeReplace({ destination: networkOf(this.#gateway), gateway });
  }

  /** Ends what is forwarded to a Pod that goes: its own end disappears without a word. */
  leave(pod: string): void {
    for (const socket of this.#forwarded.get(pod) ?? []) socket.destroy();
    this.#forwarded.delete(pod);
  }

  /** Brings what is forwarded to what is declared. */
  async update(services: readonly ServiceSpec[], nodes: readonly Node[]): Promise<void> {
    for (const [name, { spec }] of this.#services)
      if (!services.some((one) => isDeepStrictEqual(one, spec))) await this.#remove(name);
    for (const service of services) if (!this.#services.has(service.name)) await this.#add(service);
    await this.#updateNodePorts(services, nodes);
  }

  async #add(spec: ServiceSpec): Promise<void> {
    await this.#netlink.handle().addrAdd({ link: bridge, address: `${spec.address}/32`, nodad: true });
    const servers: Server[] = [];
    this.#services.set(spec.name, { spec, servers });
    for (const port of spec.ports) servers.push(await this.#listen(port, { host: spec.address, port: port.port }));
  }

  async #remove(name: string): Promise<void> {
    const service = this.#services.get(name);
    this.#services.delete(name);
    if (!service) return;
    for (const server of service.servers) server.close();
    const address = addrDelete({ link: bridge, address: `${service.spec.address}/32` });
    await this.#netlink.handle().batch([address]);
  }

  async #updateNodePorts(services: readonly ServiceSpec[], nodes: readonly Node[]): Promise<void> {
    const wanted = new Map<string, { node: Node; port: ServicePortSpec; nodePort: number }>();
    for (const node of nodes)
      for (const port of services.flatMap(({ ports }) => ports))
        if (port.nodePort !== undefined)
          wanted.set(JSON.stringify([node.name, node.sandbox.pid, port]), { node, port, nodePort: port.nodePort });
    for (const [key, server] of this.#nodePorts) {
      if (wanted.has(key)) continue;
      this.#nodePorts.delete(key);
      server.close();
    }
    for (const [key, { node, port, nodePort }] of wanted) {
      if (this.#nodePorts.has(key)) continue;
      const request = { kind: "tcp-listen", address: "0.0.0.0", port: nodePort } as const;
      const fd = await node.sandbox.handle.openSocket(request);
      this.#nodePorts.set(key, await this.#listen(port, { fd }));
    }
  }

  #listen(port: ServicePortSpec, where: { host: string; port: number } | { fd: number }): Promise<Server> {
    const server = createServer((socket) => this.#forward(socket, port));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, () => resolve(server));
    });
  }

  /** To the Pods in turn; one that does not answer is passed over. */
  #forward(socket: Socket, { backends }: ServicePortSpec): void {
    socket.on("error", () => {});
    socket.pause();
    const first = this.#turn++;
    const attempt = (i: number): void => {
      const backend = backends[(first + i) % Math.max(1, backends.length)];
      const host = i < backends.length && backend ? this.#addressOf(backend.pod) : undefined;
      if (!backend || host === undefined) return void socket.resetAndDestroy();
      const far = connect({ host, port: backend.port });
      const next = (): void => attempt(i + 1);
      far.once("error", next);
      far.once("connect", () => {
        far.off("error", next);
        const there = this.#forwarded.get(backend.pod) ?? new Set();
        this.#forwarded.set(backend.pod, there.add(far));
        far.on("close", () => there.delete(far));
        far.on("error", () => socket.destroy());
        far.on("close", () => socket.destroy());
        socket.on("close", () => far.destroy());
        socket.pipe(far).pipe(socket);
      });
    };
    attempt(0);
  }
}

/** What a Pod finds under the names of Services, in the form of /etc/hosts. */
export async function writeHosts(file: string, pod: PodSpec, services: readonly ServiceSpec[]): Promise<void> {
  const own = pod.clusterAddress?.split("/")[0] ?? "127.0.0.1";
  const lines = [
    "127.0.0.1 localhost",
    "::1 localhost ip6-localhost ip6-loopback",
    `${own} ${pod.hostname}`,
    ...services.map((service) => `${service.address} ${serviceNames(service, pod.namespace).join(" ")}`),
  ];
  // In place: the file is mounted.
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
}

/** Follows from the address, so that who knew a Pod before it was replaced reaches the new one at once. */
function macOf(address: string): string {
  const parts = (address.split("/")[0] ?? "").split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `0a:58:${parts.join(":")}`;
}

/** "198.19.0.1/16" -> "198.19.0.0/16", for IPv4. */
export function networkOf(address: string): string {
  const [host = "", length = "32"] = address.split("/");
  const bits = host.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  const base = Math.floor(bits / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join(".")}/${length}`;
}
