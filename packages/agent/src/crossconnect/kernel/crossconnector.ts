import type { Connection } from "@nsmkit/api/networkservice";
import { type Clock, CodedError, isCodedError, type Logger, silentLogger } from "@nsmkit/core";
import { firstFailure, type Netlink, type OpResult, type Step, sysctlSet } from "@nsmkit/netlink";
import type { CrossConnector, CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import { type CallOptions, counters, type Marked, scanMarks } from "./inventory.ts";
import { inspectLeftovers } from "./leftovers.ts";
import type { Side } from "./mark.ts";
import { NamespacePool } from "./namespaces.ts";
import { type PolicyTables, updateOps } from "./ops.ts";
import { planInterface } from "./plan.ts";
import { PresenceWatch } from "./presence.ts";
import { RemovalQueue } from "./removal.ts";
import { PolicyTableAllocator } from "./tables.ts";
import { type LocalEnd, linkStep, macOf, planTunnel, type TunnelPlan } from "./wiring.ts";

export interface KernelCrossConnectorOptions {
  readonly netlink: Netlink;
  /** Address at which other nodes reach this one; without it only LOCAL sides can be joined. */
  readonly tunnelIp?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Told once when the last process of an end's namespace is gone: the connection serves nobody any more. */
  readonly onNamespaceGone?: (connectionId: string) => void;
  /** ms between looks for namespaces that were left; default 1000. */
  readonly presenceIntervalMs?: number;
  /** Which namespaces are in use, as `dev:ino`; default: this machine's. */
  readonly livingNamespaces?: () => Promise<ReadonlySet<string>>;
}

interface Established {
  readonly ends: readonly LocalEnd[];
  readonly tables: ReadonlyMap<Side, PolicyTables>;
  readonly tunnel: TunnelPlan | undefined;
  /** Plans and namespaces as text: equal means that a refresh has nothing to do. */
  readonly signature: string;
  readonly unwatch: () => void;
}

interface Wanted {
  readonly ends: readonly LocalEnd[];
  readonly tunnel: TunnelPlan | undefined;
  readonly signature: string;
}

const noTables: PolicyTables = new Map();

/** Joins namespaces with the Linux kernel alone: veth pairs on one node, VXLAN between nodes. */
export class KernelCrossConnector implements CrossConnector {
  readonly mechanisms = ["KERNEL", "VXLAN"] as const;
  readonly tunnelIp?: string;
  readonly #netlink: Netlink;
  readonly #logger: Logger;
  readonly #namespaces: NamespacePool;
  readonly #removals: RemovalQueue;
  readonly #tables: PolicyTableAllocator;
  readonly #presence: PresenceWatch;
  readonly #onNamespaceGone: (connectionId: string) => void;
  readonly #connections = new Map<string, Established>();
  readonly #prepared = new Set<string>();
  #orphans: ReadonlyMap<string, readonly Marked[]> = new Map();

  constructor(options: KernelCrossConnectorOptions) {
    this.#netlink = options.netlink;
    this.#logger = options.logger ?? silentLogger;
    this.#namespaces = new NamespacePool(options.netlink);
    this.#removals = new RemovalQueue(options.netlink);
    this.#tables = new PolicyTableAllocator(options.netlink);
    this.#presence = new PresenceWatch({
      logger: this.#logger,
      ...(options.clock ? { clock: options.clock } : {}),
      ...(options.presenceIntervalMs === undefined ? {} : { intervalMs: options.presenceIntervalMs }),
      ...(options.livingNamespaces ? { living: options.livingNamespaces } : {}),
    });
    this.#onNamespaceGone = options.onNamespaceGone ?? (() => {});
    if (options.tunnelIp !== undefined) this.tunnelIp = options.tunnelIp;
  }

  /** Open namespaces and connections: for leak checks. */
  get size(): { readonly connections: number; readonly namespaces: number } {
    return { connections: this.#connections.size, namespaces: this.#namespaces.size };
  }

  async connect(
    connectionId: string,
    sides: { readonly client: CrossConnectSide; readonly server: CrossConnectSide },
    connection: Connection,
    options: CallOptions,
  ): Promise<{ metrics: Record<string, string> }> {
    const wanted = await this.#resolve(connectionId, sides, connection, options);
    const before = this.#connections.get(connectionId);
    try {
      if (before?.signature === wanted.signature) {
        await this.#release(wanted.ends);
      } else if (before && sameLink(before, wanted)) {
        await this.#update(connectionId, before, wanted, options);
      } else {
        if (before) await this.disconnect(connectionId, options);
        await this.#create(connectionId, wanted, options);
      }
    } catch (error) {
      await this.#release(wanted.ends);
      throw error;
    }
    const established = this.#connections.get(connectionId);
    return {
      metrics: established ? await counters(this.#netlink, established.ends, before !== undefined, options) : {},
    };
  }

  async disconnect(connectionId: string, options: CallOptions): Promise<void> {
    const established = this.#connections.get(connectionId);
    if (!established) return this.#removeOrphan(connectionId, options);
    established.unwatch();
    await this.#removals.remove(established.ends.map(({ key, netns, plan }) => ({ key, netns, link: plan.name })));
    this.#connections.delete(connectionId);
    for (const end of established.ends) {
      const tables = established.tables.get(end.side) ?? noTables;
      // Routes went with the link; rules name no link and stay unless removed.
      const ops = updateOps(
        end.plan,
        { ...end.plan, addresses: [], routes: [], neighbors: [], policies: [] },
        {
          before: tables,
          after: noTables,
        },
      ).filter((op) => op.op === "ruleDelete");
      if (ops.length > 0) await this.#netlink.execute([{ netns: end.netns, ops }], { onError: "continue" });
      this.#tables.free(end.key, tables.values());
    }
    await this.#release(established.ends);
  }

  async list(options: CallOptions): Promise<readonly string[]> {
    this.#orphans = await scanMarks(this.#netlink, options);
    return [...new Set([...this.#connections.keys(), ...this.#orphans.keys()])];
  }

  /** Stops watching and lets the namespaces go. The connections themselves stay: packets flow on while we restart. */
  async close(): Promise<void> {
    this.#presence.close();
    await Promise.all([...this.#connections.values()].map((established) => this.#release(established.ends)));
    this.#connections.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #resolve(
    connectionId: string,
    sides: { readonly client: CrossConnectSide; readonly server: CrossConnectSide },
    connection: Connection,
    options: CallOptions,
  ): Promise<Wanted> {
    const ends: LocalEnd[] = [];
    let tunnel: TunnelPlan | undefined;
    try {
      for (const side of ["client", "server"] as const) {
        const given = sides[side];
        const { type } = given.mechanism;
        if (type === "KERNEL") {
          const plan = planInterface(side, given, connection);
          ends.push({ side, plan, ...(await this.#namespaces.acquire(plan.netnsPath, options)) });
        } else if (type === "VXLAN" && tunnel === undefined) tunnel = planTunnel(connectionId, side, given);
        else {
          throw new CodedError(
            "UNSUPPORTED",
            `connection ${connectionId}: the kernel data plane joins KERNEL and VXLAN, not ${sides.client.mechanism.type} and ${sides.server.mechanism.type}`,
          );
        }
      }
    } catch (error) {
      await this.#release(ends);
      throw error;
    }
    const text = ends.map(({ side, key, plan }) => [side, key, { ...plan, netnsPath: "" }]);
    return { ends, tunnel, signature: JSON.stringify([text, tunnel]) };
  }

  async #release(ends: readonly LocalEnd[]): Promise<void> {
    for (const end of ends) await this.#namespaces.release(end.key);
  }

  async #create(connectionId: string, wanted: Wanted, options: CallOptions): Promise<void> {
    await this.#prepare(wanted.ends, options);
    const tables = await this.#allocate(wanted.ends, new Map(), options);
    const steps: Step[] = [
      linkStep(connectionId, wanted.ends, wanted.tunnel),
      ...wanted.ends.map((end) => ({ netns: end.netns, ops: this.#configure(connectionId, wanted, end, tables) })),
    ];
    let results = await this.#netlink.execute(steps, options);
    if (isCodedError(failureOf(results[0]), "ALREADY_EXISTS")) {
      const isLive = (id: string): boolean => this.#connections.has(id);
      const { intact, remove } = await inspectLeftovers(this.#netlink, connectionId, wanted.ends, isLive, options);
      await this.#remove(remove);
      results = await this.#netlink.execute(intact ? steps.slice(1) : steps, options);
      if (intact) results = [[{ ok: true, value: undefined }], ...results];
    }
    const failure = firstFailure(results);
    if (failure) {
      if (!failureOf(results[0])) await this.#remove(wanted.ends);
      for (const end of wanted.ends) this.#tables.free(end.key, tables.get(end.side)?.values() ?? []);
      throw new CodedError(failure.code, `connection ${connectionId}: ${failure.message}`, {
        cause: failure,
        retryable: failure.retryable,
        details: failure.details,
      });
    }
    this.#remember(connectionId, wanted, tables);
  }

  async #update(connectionId: string, before: Established, wanted: Wanted, options: CallOptions): Promise<void> {
    const tables = await this.#allocate(wanted.ends, before.tables, options);
    const steps = wanted.ends.map((end) => ({
      netns: end.netns,
      ops: updateOps(before.ends.find((old) => old.side === end.side)?.plan, end.plan, {
        before: before.tables.get(end.side) ?? noTables,
        after: tables.get(end.side) ?? noTables,
      }),
    }));
    const failure = firstFailure(await this.#netlink.execute(steps, options));
    if (failure) {
      // What is there now is neither the old nor the new: the next request makes it anew.
      await this.disconnect(connectionId, options);
      throw failure;
    }
    before.unwatch();
    await this.#release(before.ends);
    this.#remember(connectionId, wanted, tables);
  }

  #remember(connectionId: string, wanted: Wanted, tables: ReadonlyMap<Side, PolicyTables>): void {
    const stops = wanted.ends.map((end) => this.#presence.watch(end.key, () => this.#gone(connectionId)));
    const unwatch = (): void => {
      for (const stop of stops) stop();
    };
    this.#connections.set(connectionId, { ...wanted, tables, unwatch });
  }

  #gone(connectionId: string): void {
    const established = this.#connections.get(connectionId);
    if (!established) return;
    established.unwatch();
    this.#logger.info("a namespace of a connection was left by its last process", { connection: connectionId });
    this.#onNamespaceGone(connectionId);
  }

  async #allocate(
    ends: readonly LocalEnd[],
    keep: ReadonlyMap<Side, PolicyTables>,
    options: CallOptions,
  ): Promise<Map<Side, PolicyTables>> {
    const tables = new Map<Side, PolicyTables>();
    for (const end of ends) {
      const identities = end.plan.policies.map((policy) => policy.identity);
      tables.set(end.side, await this.#tables.allocate(end, identities, keep.get(end.side) ?? noTables, options));
    }
    return tables;
  }

  #configure(connectionId: string, wanted: Wanted, end: LocalEnd, tables: ReadonlyMap<Side, PolicyTables>) {
    const opposite = wanted.ends.find((other) => other !== end);
    // With both ends ours the far MAC is known: no first packet waits for ARP.
    const known = (opposite?.plan.addresses ?? []).map((address) => ({
      ip: address.slice(0, address.indexOf("/")),
      mac: macOf(connectionId, opposite?.side ?? end.side),
    }));
    const neighbors = [...known.filter((k) => !end.plan.neighbors.some((n) => n.ip === k.ip)), ...end.plan.neighbors];
    return updateOps(
      undefined,
      { ...end.plan, neighbors: end.plan.linkOnly ? [] : neighbors },
      {
        before: noTables,
        after: tables.get(end.side) ?? noTables,
      },
    );
  }

  /** Once per namespace: ICMP datagram sockets for everyone, which NSM's data-plane check needs (sdk-kernel, pinggrouprange). */
  async #prepare(ends: readonly LocalEnd[], options: CallOptions): Promise<void> {
    const fresh = ends.filter((end) => !this.#prepared.has(end.key));
    if (fresh.length === 0) return;
    for (const end of fresh) this.#prepared.add(end.key);
    const steps = fresh.map((end) => ({
      netns: end.netns,
      ops: [sysctlSet("net/ipv4/ping_group_range", "0 2147483647")],
    }));
    const refused = firstFailure(await this.#netlink.execute(steps, { ...options, onError: "continue" }));
    // In a user namespace the kernel refuses group ids that are not mapped; a raw socket does there.
    if (refused) this.#logger.debug("ping_group_range was not set", { error: refused });
  }

  async #remove(ends: readonly LocalEnd[]): Promise<void> {
    for (const { key, netns, plan } of ends) await this.#removals.remove([{ key, netns, link: plan.name }]);
  }

  async #removeOrphan(connectionId: string, options: CallOptions): Promise<void> {
    for (const marked of this.#orphans.get(connectionId) ?? []) {
      const { key, netns } = await this.#namespaces.acquire(marked.netnsPath, options);
      await this.#removals.remove([{ key, netns, link: marked.link }]).finally(() => this.#namespaces.release(key));
    }
  }
}

const failureOf = (results: readonly OpResult[] | undefined): CodedError | undefined => firstFailure(results ?? []);

const sameLink = (before: Established, wanted: Wanted): boolean =>
  JSON.stringify(before.tunnel) === JSON.stringify(wanted.tunnel) &&
  before.ends.length === wanted.ends.length &&
  before.ends.every((end, i) => end.key === wanted.ends[i]?.key && end.plan.name === wanted.ends[i]?.plan.name);
