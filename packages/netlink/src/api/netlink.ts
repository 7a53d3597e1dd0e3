import type { Closable, CodedError } from "@nsmkit/core";
import type { MonitorEvent, MonitorOptions } from "./monitor.ts";
import type { CallOptions, Namespaces, Netns } from "./netns.ts";
import type { Addr, Link, LinkRef, Neigh, Route, Rule } from "./objects.ts";
import type {
  AddrFilter,
  LinkChanges,
  LinkFilter,
  NeighFilter,
  NewAddr,
  NewLink,
  NewNeigh,
  NewRoute,
  NewRule,
  Op,
  OpValue,
  RouteFilter,
} from "./ops.ts";
import type { PingOptions, PingResult } from "./ping.ts";
import type { SocketRequest } from "./socket.ts";

/** What one op of a batch came to. */
export type OpResult<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: CodedError };

export type OpResults<Ops extends readonly Op[]> = { [K in keyof Ops]: OpResult<OpValue<Ops[K]>> };

export interface BatchOptions extends CallOptions {
  /**
   * "stop" (default): after the first failure nothing more is attempted; the rest come back as FAILED_PRECONDITION
   * with `details.notAttempted`. "continue": every op is tried, several per system call, which is faster for bulk.
   */
  readonly onError?: "stop" | "continue";
}

/** Ops for one namespace. */
export interface Step<Ops extends readonly Op[] = readonly Op[]> {
  readonly netns?: Netns;
  readonly ops: Ops;
}

/** For `openNetlink(options?): Promise<Netlink>`. */
export interface NetlinkOptions {
  /** Where named namespaces are mounted; default "/run/netns" (iproute2's). */
  readonly namespaceDirectory?: string;
}

/**
 * The kernel's networking of this machine. Everything that can block runs in a worker thread; the promise methods
 * reject with CodedError only.
 */
export interface Netlink extends Closable {
  readonly namespaces: Namespaces;
  /**
   * The requests of one namespace; default: the one in which this process started. The socket is opened by the first
   * request and kept until `close()` of the handle. Closing the handle does not close the namespace.
   */
  handle(netns?: Netns): Handle;
  /**
   * Runs ops in several namespaces, in order, in one round trip to the worker.
   * @returns results[step][op]; it rejects only when nothing can be said about the ops (closed, cancelled before start)
   */
  execute(steps: readonly Step[], options?: BatchOptions): Promise<readonly (readonly OpResult[])[]>;
}

/** One namespace's requests. Each method but `batch` is a batch of one op and throws that op's error. */
export interface Handle extends Closable {
  readonly netns: Netns;
  /** All ops in one round trip, in order. @returns one result per op; never throws for an op's failure */
  batch<const Ops extends readonly Op[]>(ops: Ops, options?: BatchOptions): Promise<OpResults<Ops>>;

  linkAdd(link: NewLink, options?: CallOptions): Promise<void>;
  linkSet(link: LinkRef, changes: LinkChanges, options?: CallOptions): Promise<void>;
  /**
   * Several links are deleted as one group, which costs the kernel about as much as one link. All that exist are
   * deleted; then NOT_FOUND if some did not (`details.missing`), or the kernel's error (`details.failed`).
   */
  linkDelete(links: LinkRef | readonly LinkRef[], options?: CallOptions): Promise<void>;
  linkGet(link: LinkRef, options?: CallOptions & { readonly statistics?: boolean }): Promise<Link>;
  linkList(filter?: LinkFilter, options?: CallOptions): Promise<readonly Link[]>;

  addrAdd(addr: NewAddr, options?: CallOptions): Promise<void>;
  addrReplace(addr: NewAddr, options?: CallOptions): Promise<void>;
  addrDelete(addr: NewAddr, options?: CallOptions): Promise<void>;
  addrList(filter?: AddrFilter, options?: CallOptions): Promise<readonly Addr[]>;

  routeAdd(route: NewRoute, options?: CallOptions): Promise<void>;
  routeReplace(route: NewRoute, options?: CallOptions): Promise<void>;
  routeDelete(route: NewRoute, options?: CallOptions): Promise<void>;
  routeList(filter?: RouteFilter, options?: CallOptions): Promise<readonly Route[]>;

  ruleAdd(rule: NewRule, options?: CallOptions): Promise<void>;
  ruleDelete(rule: NewRule, options?: CallOptions): Promise<void>;
  ruleList(filter?: { readonly family?: 4 | 6 }, options?: CallOptions): Promise<readonly Rule[]>;

  neighAdd(neigh: NewNeigh, options?: CallOptions): Promise<void>;
  neighReplace(neigh: NewNeigh, options?: CallOptions): Promise<void>;
  neighDelete(neigh: NewNeigh, options?: CallOptions): Promise<void>;
  neighList(filter?: NeighFilter, options?: CallOptions): Promise<readonly Neigh[]>;

  /** The id by which this namespace knows another one, as in `Link.peerNetnsId`; undefined when it has none yet. */
  nsidGet(netns: Netns, options?: CallOptions): Promise<number | undefined>;
  /** Gives another namespace an id here; default: the next free one. @throws CodedError ALREADY_EXISTS */
  nsidSet(netns: Netns, nsid?: number, options?: CallOptions): Promise<void>;

  /** @param name dotted ("net.ipv4.ip_forward") or with slashes ("net/ipv4/conf/eth0.10/forwarding"); below net only */
  sysctlGet(name: string, options?: CallOptions): Promise<string>;
  sysctlSet(name: string, value: string, options?: CallOptions): Promise<void>;

  /** Changes as they happen. Resolves when the kernel has begun to queue them: monitor first, then list. */
  monitor(options: MonitorOptions): Promise<Monitor>;
  /** @throws CodedError PERMISSION_DENIED (neither ping_group_range nor CAP_NET_RAW allows it), INVALID_ARGUMENT */
  ping(options: PingOptions): Promise<PingResult>;
  /**
   * Opens a socket that lives in this namespace whatever thread uses it later.
   * @returns a non-blocking close-on-exec descriptor that the caller owns, e.g. for `server.listen({ fd })`
   */
  openSocket(request: SocketRequest, options?: CallOptions): Promise<number>;
}

/** A subscription. Iterating ends after `close()` or the signal; one iterator at a time. */
export interface Monitor extends Closable, AsyncIterable<MonitorEvent> {
  /** Keeps the process alive while open (default). */
  ref(): void;
  unref(): void;
}
