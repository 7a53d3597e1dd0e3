/** Links of ours that no connection stands behind: of an earlier life of this forwarder. */
import {
  type CallOptions,
  type Link,
  linkList,
  type Netlink,
  type Netns,
  type OpResult,
  type Route,
  type Rule,
  routeList,
  ruleDelete,
  ruleList,
} from "@nsmkit/netlink";
import { ourProtocol } from "./diff.ts";
import type { LivingNamespaces } from "./living.ts";
import { markedId, parseMark } from "./mark.ts";
import { keyOfNetns } from "./namespaces.ts";
import type { RemovalQueue } from "./removal.ts";
import { isPolicyTable } from "./tables.ts";

export interface LeftoversOptions {
  readonly netlink: Netlink;
  readonly living: LivingNamespaces;
  readonly removals: RemovalQueue;
  readonly owner: string;
}

/** What is in use, asked right before a removal. */
export interface InUse {
  connection(markedId: string): boolean;
  table(table: number): boolean;
}

export class Leftovers {
  readonly #options: LeftoversOptions;

  constructor(options: LeftoversOptions) {
    this.#options = options;
  }

  /** Marked ids of all connections that have a link of ours in any namespace. */
  async ids(options: CallOptions): Promise<Set<string>> {
    const ids = new Set<string>();
    await this.#visit(options, async (netns) => {
      for (const { id } of await this.#ours(netns)) ids.add(id);
    });
    return ids;
  }

  /**
   * Removes links, and rules that lost their link's routes.
   * @returns marked ids of what was removed
   */
  async remove(inUse: InUse, options: CallOptions): Promise<Set<string>> {
    const removed = new Set<string>();
    await this.#visit(options, async (netns, key) => {
      const ours = (await this.#ours(netns)).filter(({ id }) => !inUse.connection(id));
      await Promise.all(ours.map(({ index }) => this.#options.removals.remove([{ key, netns, index }])));
      for (const { id } of ours) removed.add(id);
      await this.#removeRules(netns, inUse);
    });
    return removed;
  }

  async #visit(options: CallOptions, look: (netns: Netns, key: string) => Promise<void>): Promise<void> {
    const { netlink, living } = this.#options;
    for (const [key, path] of await living.list()) {
      const netns = await netlink.namespaces.open({ path }, options).catch((error: unknown) => {
        if (options.signal?.aborted) throw error;
        return undefined;
      });
      // It may have ended since, or be closed to us: then it has no links for us to remove.
      if (!netns) continue;
      try {
        if (keyOfNetns(netns.identity) === key) await look(netns, key);
      } finally {
        await netns.close();
      }
    }
  }

  async #ours(netns: Netns): Promise<{ id: string; index: number }[]> {
    // Whatever a busy namespace's interrupted list names is there; what it lacks is found by a later look.
    const [links = []] = await this.#read<Link>(netns, [linkList()], "partial");
    return links.flatMap(({ alias, index }) => {
      const mark = parseMark(alias);
      return mark?.owner === markedId(this.#options.owner) ? [{ id: mark.id, index }] : [];
    });
  }

  async #removeRules(netns: Netns, inUse: InUse): Promise<void> {
    const [rules = []] = await this.#read<Rule>(netns, [ruleList()]);
    const ours = rules.filter(({ protocol, table }) => protocol === ourProtocol && isPolicyTable(table));
    if (ours.length === 0) return;
    const [routes = []] = await this.#read<Route>(netns, [routeList({ protocol: ourProtocol })]);
    const alive = new Set(routes.map(({ table }) => table));
    const stale = ours.filter(({ table }) => !alive.has(table) && !inUse.table(table));
    const ops = stale.map(({ family, table, priority }) => ruleDelete({ family, table, priority }));
    if (ops.length > 0) await this.#options.netlink.execute([{ netns, ops }], { onError: "continue" });
  }

  /**
   * @param interrupted what a list comes to that kept changing while it was read: what was seen of it, or an error
   * @returns the entries of each list; nothing where the namespace does not let us look
   */
  async #read<T>(
    netns: Netns,
    ops: Parameters<Netlink["execute"]>[0][number]["ops"],
    interrupted: "partial" | "error" = "error",
  ): Promise<(readonly T[])[]> {
    const [results = []] = await this.#options.netlink.execute([{ netns, ops }], { onError: "continue" });
    return results.map((result: OpResult) => {
      if (result.ok) return result.value as readonly T[];
      const { code, details } = result.error;
      if (code === "PERMISSION_DENIED") return [];
      if (code === "DUMP_INTERRUPTED" && interrupted === "partial") return details.partial as readonly T[];
      throw result.error;
    });
  }
}
