import type { Connection } from "@nsmkit/api/networkservice";
import { type Clock, CodedError, KeyedQueue, type Logger, silentLogger, throwIfAborted } from "@nsmkit/core";
import type { CallOptions, Netlink } from "@nsmkit/netlink";
import type { CrossConnector, CrossConnectSide } from "@nsmkit/sdk/crossconnect";
import { NameClaims } from "./claims.ts";
import { metricsOf, namesOf, readCounters, type SideCounters } from "./counters.ts";
import { Leftovers } from "./leftovers.ts";
import { type LivingNamespaces, machineNamespaces } from "./living.ts";
import { markedId } from "./mark.ts";
import { type Identify, NamespacePool } from "./namespaces.ts";
import { netnsPathOf } from "./plan.ts";
import { prepareNamespaces } from "./prepare.ts";
import { PresenceWatch } from "./presence.ts";
import { RemovalQueue } from "./removal.ts";
import { type Fitted, LinkSetup, named } from "./setup.ts";
import { SharedRoutes } from "./shared-routes.ts";
import { type LocalEnd, planWiring, type Wiring } from "./wiring.ts";

export interface KernelCrossConnectorOptions {
  readonly netlink: Netlink;
  /** Address at which other nodes reach this one; without it only LOCAL sides can be joined. */
  readonly tunnelIp?: string;
  /**
   * Tells the links of this forwarder from those of others on the machine, also after a restart. Default: the inode of
   * the network namespace it runs in, which is the node's, so only two forwarders of one node need to say more.
   */
  readonly owner?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Told once when the last process of an end's namespace is gone: the connection serves nobody any more. */
  readonly onNamespaceGone?: (connectionId: string) => void;
  /** ms between looks for namespaces that were left; default 200. */
  readonly presenceIntervalMs?: number;
  /** Which namespaces are in use, and which file is which; default: this machine's. For tests. */
  readonly living?: LivingNamespaces;
  readonly identify?: Identify;
}

interface Established extends Fitted {
  /** Equal means that a refresh has nothing to do. */
  readonly signature: string;
  readonly unwatch: () => void;
}

type Sides = { readonly client: CrossConnectSide; readonly server: CrossConnectSide };

/** Joins namespaces with the Linux kernel alone: veth pairs on one node, VXLAN between nodes. */
export class KernelCrossConnector implements CrossConnector, AsyncDisposable {
  readonly mechanisms: readonly string[];
  readonly tunnelIp?: string;
  readonly #netlink: Netlink;
  readonly #owner: string;
  readonly #logger: Logger;
  readonly #namespaces: NamespacePool;
  readonly #claims = new NameClaims();
  readonly #routes = new SharedRoutes();
  readonly #setup: LinkSetup;
  readonly #leftovers: Leftovers;
  readonly #presence: PresenceWatch;
  readonly #onNamespaceGone: (connectionId: string) => void;
  /** By marked id, as all that concerns one connection. */
  readonly #connections = new Map<string, Established>();
  readonly #queue = new KeyedQueue<string>();
  /** With a call running or waiting. */
  readonly #busy = new Map<string, number>();
  /** Found by the last `list` without a connection. */
  #leftBehind: Set<string> = new Set();
  #closed = false;

  constructor(options: KernelCrossConnectorOptions) {
    const { netlink, clock, logger = silentLogger, living = machineNamespaces, presenceIntervalMs } = options;
    const removals = new RemovalQueue(netlink);
    this.#netlink = netlink;
    this.#logger = logger;
    this.#owner = options.owner ?? String(netlink.namespaces.current.identity.ino);
    this.#namespaces = new NamespacePool(netlink, options.identify);
    this.#setup = new LinkSetup({ netlink, removals, logger });
    this.#leftovers = new Leftovers({ netlink, living, removals, owner: this.#owner });
    this.#presence = new PresenceWatch({
      logger,
      living,
      ...(clock && { clock }),
      ...(presenceIntervalMs !== undefined && { intervalMs: presenceIntervalMs }),
    });
    this.#onNamespaceGone = options.onNamespaceGone ?? (() => {});
    this.mechanisms = options.tunnelIp === undefined ? ["KERNEL"] : ["KERNEL", "VXLAN"];
    if (options.tunnelIp !== undefined) this.tunnelIp = options.tunnelIp;
  }

  /** What is held now: for leak checks. */
  get size(): { readonly connections: number; readonly namespaces: number; readonly names: number } {
    const names = this.#claims.size;
    return { connections: this.#connections.size, namespaces: this.#namespaces.size, names };
  }

  /**
   * A repeat that changes nothing writes nothing: it reads the links' counters, and with them that they still stand.
   * @throws CodedError INVALID_ARGUMENT (names the field), NOT_FOUND (namespace gone), ALREADY_EXISTS (the interface
   *   name is taken by something that is not ours), CONFLICT (by another connection, or the VNI is), UNSUPPORTED,
   *   KERNEL, PERMISSION_DENIED
   */
  connect(
    connectionId: string,
    sides: Sides,
    connection: Connection,
    options: { readonly signal: AbortSignal },
  ): Promise<{ metrics: Record<string, string> }> {
    return this.#inTurn(connectionId, options, async () => ({
      metrics: await this.#connect(connectionId, sides, connection, options),
    }));
  }

  /** Not cancelled by the signal once it has begun: it takes some 20 ms. */
  disconnect(connectionId: string, options: CallOptions): Promise<void> {
    return this.#inTurn(connectionId, options, async () => {
      const id = markedId(connectionId);
      const established = this.#connections.get(id);
      if (established) await this.#remove(established);
      else if (this.#leftBehind.has(id)) {
        await this.#leftovers.remove({ connection: (other) => other !== id, table: () => true }, options);
      }
    });
  }

  async list(options: CallOptions): Promise<readonly string[]> {
    const found = await this.#leftovers.ids(options);
    this.#leftBehind = new Set([...found].filter((id) => !this.#connections.has(id)));
    return [...[...this.#connections.values()].map(({ connectionId }) => connectionId), ...this.#leftBehind];
  }

  /**
   * Removes what an earlier life of this forwarder left and nobody has asked for since. To be called when every client
   * had time to refresh.
   * @returns ids of the connections that were removed
   */
  async removeLeftovers(options: CallOptions): Promise<readonly string[]> {
    const inUse = {
      connection: (id: string) => this.#connections.has(id) || this.#busy.has(id),
      table: (table: number) =>
        this.#connections
          .values()
          .some(({ ends }) => ends.some(({ plan }) => plan.policies.some((policy) => policy.table === table))),
    };
    return [...(await this.#leftovers.remove(inUse, options))];
  }

  /** Counters of every connection by id. One whose link was removed behind our back is left out. */
  async counters(): Promise<ReadonlyMap<string, readonly SideCounters[]>> {
    const connections = [...this.#connections.values()];
    const counters = await readCounters(this.#netlink, connections);
    return new Map(
      connections.flatMap(({ connectionId }, i) => {
        const sides = counters[i];
        return sides ? [[connectionId, sides] as const] : [];
      }),
    );
  }

  /** Lets the namespaces go and watches no more. The connections stay: packets flow on while we restart. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#presence.close();
    await this.#queue.idle();
    const ends = [...this.#connections.values()].flatMap((established) => established.ends);
    this.#connections.clear();
    await this.#release(ends);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #inTurn<T>(connectionId: string, options: CallOptions, task: () => Promise<T>): Promise<T> {
    const id = markedId(connectionId);
    this.#busy.set(id, (this.#busy.get(id) ?? 0) + 1);
    try {
      return await this.#queue.run(id, task, options);
    } finally {
      const left = (this.#busy.get(id) ?? 1) - 1;
      if (left > 0) this.#busy.set(id, left);
      else this.#busy.delete(id);
    }
  }

  async #connect(
    connectionId: string,
    sides: Sides,
    connection: Connection,
    options: CallOptions,
  ): Promise<Record<string, string>> {
    if (this.#closed) throw new CodedError("CLOSED", `connection ${connectionId}: the data plane is closed`);
    const wiring = await this.#plan(connectionId, sides, connection, options);
    const signature = signatureOf(wiring);
    let before = this.#connections.get(markedId(connectionId));
    let used = false;
    try {
      const counters = before && (await readCounters(this.#netlink, [before]))[0];
      throwIfAborted(options.signal, `connection ${connectionId}`);
      if (before && (!counters || !isSameLink(before, wiring))) {
        await this.#remove(before);
        before = undefined;
      }
      if (before?.signature !== signature) {
        const fitted = before ? await this.#update(before, wiring) : await this.#create(wiring);
        used = true;
        this.#remember({ ...fitted, signature });
        if (before) await this.#forget(before);
      }
      return before && counters ? metricsOf(counters) : namesOf(wiring);
    } finally {
      if (!used) await this.#release(wiring.ends);
    }
  }

  async #create(wiring: Wiring): Promise<Fitted> {
    const { connectionId, ends } = wiring;
    await this.#claims.take(connectionId, ends);
    try {
      const fresh = ends.filter(({ key }) => this.#namespaces.firstVisit(key)).map(({ netns }) => netns);
      await prepareNamespaces(this.#netlink, fresh, this.#logger);
      const isLeft = this.#leftBehind.delete(markedId(connectionId));
      return await this.#setup.create(wiring, { isLeft, isLive: (id) => this.#connections.has(id) });
    } catch (error) {
      await this.#claims.leave(connectionId, ends, Promise.resolve());
      throw error;
    }
  }

  async #update(before: Established, wiring: Wiring): Promise<Fitted> {
    const updated = await this.#setup.update(before, wiring);
    if (!("failure" in updated)) return updated;
    if (!updated.restored) await this.#remove(before);
    throw updated.failure;
  }

  async #remove(established: Established): Promise<void> {
    const { connectionId, ends } = established;
    await this.#claims.leave(connectionId, ends, this.#setup.remove(established));
    this.#connections.delete(markedId(connectionId));
    await this.#forget(established);
  }

  #remember(fitted: Fitted & { readonly signature: string }): void {
    const { connectionId, ends } = fitted;
    const stops = ends.map(({ key }) => this.#presence.watch(key, () => this.#gone(connectionId)));
    const unwatch = (): void => {
      for (const stop of stops) stop();
    };
    this.#connections.set(markedId(connectionId), { ...fitted, unwatch });
    this.#routes.add(ends);
  }

  async #forget(established: Established): Promise<void> {
    established.unwatch();
    await this.#setup.restore(this.#routes.remove(established.ends));
    await this.#release(established.ends);
  }

  #gone(connectionId: string): void {
    const established = this.#connections.get(markedId(connectionId));
    if (!established) return;
    established.unwatch();
    this.#logger.info("a namespace of a connection was left by its last process", { connection: connectionId });
    this.#onNamespaceGone(connectionId);
  }

  async #plan(connectionId: string, sides: Sides, connection: Connection, options: CallOptions): Promise<Wiring> {
    const planned = planWiring(connectionId, sides, connection, this.mechanisms);
    const ends: LocalEnd[] = [];
    try {
      for (const { side, plan } of planned.interfaces) {
        const path = netnsPathOf(connectionId, sides[side]);
        ends.push({ side, plan, ...(await this.#namespaces.acquire(path, options)) });
      }
    } catch (error) {
      await this.#release(ends);
      throw named(connectionId, error);
    }
    return { connectionId, owner: this.#owner, ends, tunnel: planned.tunnel };
  }

  async #release(ends: readonly LocalEnd[]): Promise<void> {
    for (const end of ends) await this.#namespaces.release(end.key);
  }
}

/** Everything about a wiring as text. */
const signatureOf = ({ ends, tunnel }: Wiring): string =>
  JSON.stringify([ends.map(({ side, key, plan }) => [side, key, plan]), tunnel]);

const isSameLink = (before: Wiring, wanted: Wiring): boolean =>
  JSON.stringify(before.tunnel) === JSON.stringify(wanted.tunnel) &&
  before.ends.length === wanted.ends.length &&
  before.ends.every((end, i) => end.key === wanted.ends[i]?.key && end.plan.name === wanted.ends[i]?.plan.name);
