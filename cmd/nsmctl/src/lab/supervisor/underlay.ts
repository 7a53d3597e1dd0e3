import { addrAdd, firstFailure, type Handle, linkAdd, linkSet, type Netlink } from "@nsmkit/netlink";
import type { LinkEndSpec, NodeSpec } from "../spec/spec.ts";
import type { Sandbox } from "./sandbox.ts";

const bridge = "underlay";
/** Its own, because that of a port would go with the port. */
const bridgeMac = "02:6e:73:6d:18:01";
/** A node's interface on the underlay, as a Kubernetes node has. */
const nodeInterface = "eth0";

/** The network between the nodes: a bridge in the supervisor's own namespace. */
export class Underlay {
  readonly #netlink: Netlink;
  readonly #handle: Handle;
  readonly #mtu: number;
  #ports = 0;

  constructor(netlink: Netlink, mtu: number) {
    this.#netlink = netlink;
    this.#handle = netlink.handle();
    this.#mtu = mtu;
  }

  async start(gateway: string): Promise<void> {
    const failure = firstFailure(
      await this.#handle.batch([
        linkSet("lo", { up: true }),
        linkAdd({ kind: "bridge", name: bridge, mac: bridgeMac, mtu: this.#mtu, up: true }),
        addrAdd({ link: bridge, address: gateway, nodad: true }),
      ]),
    );
    if (failure) throw failure;
  }

  async attach(node: NodeSpec, sandbox: Sandbox): Promise<void> {
    const name = `port${this.#ports++}`;
    const peer = { name: nodeInterface, netns: sandbox.netns, mtu: this.#mtu, up: true };
    const failure = firstFailure(
      await this.#netlink.execute([
        { ops: [linkAdd({ kind: "veth", name, mtu: this.#mtu, master: bridge, up: true, alias: node.name, peer })] },
        { netns: sandbox.netns, ops: [addrAdd({ link: nodeInterface, address: node.address, nodad: true })] },
      ]),
    );
    if (failure) throw failure;
    // Kubernetes nodes forward; a CNF on the host network relies on it.
    await sandbox.handle.sysctlSet("net.ipv4.ip_forward", "1");
  }

  async stop(): Promise<void> {
    await this.#handle.linkDelete(bridge);
  }
}

/** Makes a veth pair between two sandboxes. The kernel removes it with either of them. */
export async function makeLink(
  netlink: Netlink,
  ends: readonly [{ spec: LinkEndSpec; sandbox: Sandbox }, { spec: LinkEndSpec; sandbox: Sandbox }],
): Promise<void> {
  const link = ({ spec, sandbox }: (typeof ends)[number]) => ({
    name: spec.interface,
    netns: sandbox.netns,
    up: true,
    ...(spec.mac === undefined ? {} : { mac: spec.mac }),
    ...(spec.mtu === undefined ? {} : { mtu: spec.mtu }),
  });
  const [first, second] = ends;
  const failure = firstFailure(
    await netlink.execute([
      { ops: [linkAdd({ kind: "veth", ...link(first), peer: link(second) })] },
      ...ends.map(({ spec, sandbox }) => ({
        netns: sandbox.netns,
        ops: spec.addresses.map((address) => addrAdd({ link: spec.interface, address, nodad: true })),
      })),
    ]),
  );
  if (failure) throw failure;
}
