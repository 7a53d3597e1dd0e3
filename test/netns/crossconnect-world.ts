/** Pods, nodes and connections for the tests of the kernel data plane. Everything made here is gone after `close`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { KernelCrossConnector, type KernelCrossConnectorOptions } from "@nsmkit/agent/crossconnect";
import { type Connection, ConnectionSchema, type IPContextSchema } from "@nsmkit/api/networkservice";
import { messageOf } from "@nsmkit/core";
import { type Handle, type Netlink, type Netns, openNetlink } from "@nsmkit/netlink";
import type { CrossConnectSide } from "@nsmkit/sdk/crossconnect";

export const never = new AbortController().signal;

/** Why the suite cannot run here, or false. */
export async function cannotRun(): Promise<string | false> {
  try {
    await using netlink = await openNetlink();
    await using netns = await netlink.namespaces.create();
    await using handle = netlink.handle(netns);
    await handle.linkAdd({ kind: "veth", name: "a", peer: { name: "b" } });
    return false;
  } catch (error) {
    return `needs network namespaces and veth: ${messageOf(error)}`;
  }
}

/** A network namespace with a handle in it. */
export interface Pod {
  readonly netns: Netns;
  readonly handle: Handle;
}

export class World {
  readonly netlink: Netlink;
  readonly #stack = new AsyncDisposableStack();

  private constructor(netlink: Netlink) {
    this.netlink = netlink;
    this.#stack.use(netlink);
  }

  static async open(): Promise<World> {
    return new World(await openNetlink());
  }

  /** Closed before everything that was made earlier. */
  use<T extends AsyncDisposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  async pod(): Promise<Pod> {
    const netns = this.use(await this.netlink.namespaces.create());
    const handle = this.use(this.netlink.handle(netns));
    await handle.linkSet("lo", { up: true });
    return { netns, handle };
  }

  /** A Pod whose namespace lives as long as a process in it. */
  async livingPod(): Promise<{ readonly process: ChildProcess; readonly path: string }> {
    const child = spawn("unshare", ["--net", "sleep", "600"], { stdio: "ignore" });
    await once(child, "spawn");
    this.#stack.defer(() => void child.kill("SIGKILL"));
    const path = `/proc/${child.pid}/ns/net`;
    const own = readlinkSync("/proc/self/ns/net");
    while (readlinkSync(path) === own) await new Promise((resolve) => setTimeout(resolve, 2));
    return { process: child, path };
  }

  crossConnector(options: Partial<KernelCrossConnectorOptions> = {}): KernelCrossConnector {
    return this.use(new KernelCrossConnector({ netlink: this.netlink, ...options }));
  }

  /** Two nodes on an underlay, 192.0.2.1 and 192.0.2.2. */
  async nodes(): Promise<readonly [Pod, Pod]> {
    const nodes = [await this.pod(), await this.pod()] as const;
    const peer = { name: "under0", netns: nodes[1].netns, up: true };
    await nodes[0].handle.linkAdd({ kind: "veth", name: "under0", up: true, peer });
    await nodes[0].handle.addrAdd({ link: "under0", address: "192.0.2.1/24" });
    await nodes[1].handle.addrAdd({ link: "under0", address: "192.0.2.2/24" });
    return nodes;
  }

  async close(): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The kernel as a process in `node`'s namespace sees it. */
export function inNode(netlink: Netlink, node: Pod): Netlink {
  return {
    namespaces: new Proxy(netlink.namespaces, {
      get: (target, name) => {
        if (name === "current") return node.netns;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    handle: (netns) => netlink.handle(netns ?? node.netns),
    execute: (steps, options) =>
      netlink.execute(
        steps.map((step) => ({ netns: node.netns, ...step })),
        options,
      ),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

const pathOf = (where: Pod | string): string =>
  typeof where === "string" ? where : `/proc/${process.pid}/fd/${where.netns.fd}`;

export const kernel = (where: Pod | string, name = "nsm-1", more: Record<string, string> = {}): CrossConnectSide => ({
  mechanism: { cls: "LOCAL", type: "KERNEL", parameters: { inodeURL: `file://${pathOf(where)}`, name, ...more } },
});

export const vxlan = (more: Record<string, string> = {}): CrossConnectSide => ({
  mechanism: {
    cls: "REMOTE",
    type: "VXLAN",
    parameters: { src_ip: "192.0.2.1", dst_ip: "192.0.2.2", vni: "4242", MTU: "1446", ...more },
  },
});

type IpContext = Extract<MessageInitShape<typeof IPContextSchema>, { $typeName?: undefined }>;

/** 10.0.0.1 and fd00::1 for the client, .2 and ::2 for the endpoint. */
export const pair = {
  srcIpAddrs: ["10.0.0.1/32", "fd00::1/128"],
  dstIpAddrs: ["10.0.0.2/32", "fd00::2/128"],
  srcRoutes: [{ prefix: "10.0.0.2/32" }, { prefix: "fd00::2/128" }],
  dstRoutes: [{ prefix: "10.0.0.1/32" }, { prefix: "fd00::1/128" }],
} satisfies IpContext;

export const connectionOf = (ip: IpContext = pair, { id = "c1", mtu = 0, payload = "IP" } = {}): Connection =>
  create(ConnectionSchema, { id, payload, context: { MTU: mtu, ipContext: ip } });

/** Replies of `count` echo requests. */
export async function pings(from: Pod, destination: string, source?: string): Promise<number> {
  const result = await from.handle.ping({
    destination,
    count: 2,
    intervalMs: 20,
    timeoutMs: 500,
    ...(source && { source }),
  });
  return result.received;
}

/** What differs between a namespace that was used and one that was not: links but loopback, routes and rules of ours. */
export async function leftIn({ handle }: Pod): Promise<string[]> {
  const links = (await handle.linkList()).filter((link) => !link.loopback).map((link) => `link ${link.name}`);
  const routes = (await handle.routeList()).filter((r) => r.protocol === 78).map((r) => `route ${r.destination}`);
  const rules = (await handle.ruleList()).filter((r) => r.protocol === 78).map((r) => `rule to table ${r.table}`);
  return [...links, ...routes, ...rules];
}

/** Descriptors that this process has open, by what they are. */
export function openFiles(): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const kind = readlinkSync(`/proc/self/fd/${fd}`).replace(/:?\[?\d+\]?$/, "");
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    } catch {
      // The directory's own descriptor.
    }
  }
  return kinds;
}
