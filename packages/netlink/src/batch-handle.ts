/** The single-op methods of a handle, built on `batch`, for every implementation. */

import type { MonitorOptions } from "./api/monitor.ts";
import type { BatchOptions, Handle, Monitor, OpResults } from "./api/netlink.ts";
import type { CallOptions, Netns } from "./api/netns.ts";
import type { Addr, Link, LinkRef, Neigh, Route, Rule } from "./api/objects.ts";
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
} from "./api/ops.ts";
import type { PingOptions, PingResult } from "./api/ping.ts";
import type { SocketRequest } from "./api/socket.ts";
import * as ops from "./ops.ts";

export abstract class BatchHandle implements Handle {
  abstract readonly netns: Netns;
  abstract batch<const Ops extends readonly Op[]>(ops: Ops, options?: BatchOptions): Promise<OpResults<Ops>>;
  abstract monitor(options: MonitorOptions): Promise<Monitor>;
  abstract ping(options: PingOptions): Promise<PingResult>;
  abstract openSocket(request: SocketRequest, options?: CallOptions): Promise<number>;
  abstract close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #one<O extends Op>(op: O, options?: CallOptions): Promise<OpValue<O>> {
    const [result] = await this.batch([op], options);
    if (!result.ok) throw result.error;
    return result.value as OpValue<O>;
  }

  linkAdd(link: NewLink, options?: CallOptions): Promise<void> {
    return this.#one(ops.linkAdd(link), options);
  }

  linkSet(link: LinkRef, changes: LinkChanges, options?: CallOptions): Promise<void> {
    return this.#one(ops.linkSet(link, changes), options);
  }

  linkDelete(links: LinkRef | readonly LinkRef[], options?: CallOptions): Promise<void> {
    return this.#one(ops.linkDelete(links), options);
  }

  linkGet(link: LinkRef, options: CallOptions & { readonly statistics?: boolean } = {}): Promise<Link> {
    const { statistics = false } = options;
    return this.#one(ops.linkGet(link, { statistics }), options);
  }

  linkList(filter?: LinkFilter, options?: CallOptions): Promise<readonly Link[]> {
    return this.#one(ops.linkList(filter), options);
  }

  addrAdd(addr: NewAddr, options?: CallOptions): Promise<void> {
    return this.#one(ops.addrAdd(addr), options);
  }

  addrReplace(addr: NewAddr, options?: CallOptions): Promise<void> {
    return this.#one(ops.addrReplace(addr), options);
  }

  addrDelete(addr: NewAddr, options?: CallOptions): Promise<void> {
    return this.#one(ops.addrDelete(addr), options);
  }

  addrList(filter?: AddrFilter, options?: CallOptions): Promise<readonly Addr[]> {
    return this.#one(ops.addrList(filter), options);
  }

  routeAdd(route: NewRoute, options?: CallOptions): Promise<void> {
    return this.#one(ops.routeAdd(route), options);
  }

  routeReplace(route: NewRoute, options?: CallOptions): Promise<void> {
    return this.#one(ops.routeReplace(route), options);
  }

  routeDelete(route: NewRoute, options?: CallOptions): Promise<void> {
    return this.#one(ops.routeDelete(route), options);
  }

  routeList(filter?: RouteFilter, options?: CallOptions): Promise<readonly Route[]> {
    return this.#one(ops.routeList(filter), options);
  }

  ruleAdd(rule: NewRule, options?: CallOptions): Promise<void> {
    return this.#one(ops.ruleAdd(rule), options);
  }

  ruleDelete(rule: NewRule, options?: CallOptions): Promise<void> {
    return this.#one(ops.ruleDelete(rule), options);
  }

  ruleList(filter?: { readonly family?: 4 | 6 }, options?: CallOptions): Promise<readonly Rule[]> {
    return this.#one(ops.ruleList(filter), options);
  }

  neighAdd(neigh: NewNeigh, options?: CallOptions): Promise<void> {
    return this.#one(ops.neighAdd(neigh), options);
  }

  neighReplace(neigh: NewNeigh, options?: CallOptions): Promise<void> {
    return this.#one(ops.neighReplace(neigh), options);
  }

  neighDelete(neigh: NewNeigh, options?: CallOptions): Promise<void> {
    return this.#one(ops.neighDelete(neigh), options);
  }

  neighList(filter?: NeighFilter, options?: CallOptions): Promise<readonly Neigh[]> {
    return this.#one(ops.neighList(filter), options);
  }

  nsidGet(netns: Netns, options?: CallOptions): Promise<number | undefined> {
    return this.#one(ops.nsidGet(netns), options);
  }

  nsidSet(netns: Netns, nsid?: number, options?: CallOptions): Promise<void> {
    return this.#one(ops.nsidSet(netns, nsid), options);
  }

  sysctlGet(name: string, options?: CallOptions): Promise<string> {
    return this.#one(ops.sysctlGet(name), options);
  }

  sysctlSet(name: string, value: string, options?: CallOptions): Promise<void> {
    return this.#one(ops.sysctlSet(name, value), options);
  }
}
