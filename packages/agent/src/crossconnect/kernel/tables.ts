import { type Netlink, type Netns, ruleList, valuesOf } from "@nsmkit/netlink";

/** Policy tables start here: above the kernel's own (253..255) and what people number by hand. */
const firstTable = 0x6e73_0000;

/** Hands out routing tables that no rule of a namespace uses yet. */
export class PolicyTableAllocator {
  readonly #netlink: Netlink;
  readonly #used = new Map<string, Set<number>>();

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** @returns one table per identity; those of `keep` stay as they are */
  async allocate(
    namespace: { readonly key: string; readonly netns: Netns },
    identities: readonly string[],
    keep: ReadonlyMap<string, number>,
    options: { signal: AbortSignal },
  ): Promise<Map<string, number>> {
    const tables = new Map<string, number>();
    if (identities.length === 0) return tables;
    const used = this.#used.get(namespace.key) ?? new Set(keep.values());
    this.#used.set(namespace.key, used);
    const [results = []] = await this.#netlink.execute(
      [{ netns: namespace.netns, ops: [ruleList({ family: 4 }), ruleList({ family: 6 })] }],
      options,
    );
    for (const rules of valuesOf(results)) for (const rule of rules as { table: number }[]) used.add(rule.table);
    let next = firstTable;
    for (const identity of identities) {
      let table = keep.get(identity);
      if (table === undefined) {
        while (used.has(next)) next++;
        table = next;
      }
      used.add(table);
      tables.set(identity, table);
    }
    return tables;
  }

  free(key: string, tables: Iterable<number>): void {
    const used = this.#used.get(key);
    for (const table of tables) used?.delete(table);
    if (used?.size === 0) this.#used.delete(key);
  }
}
