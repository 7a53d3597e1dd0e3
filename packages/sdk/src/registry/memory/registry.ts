import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";
import type { Handler } from "../../chain/index.ts";
import { type EntryRules, type NseKind, type NsKind, nseRules, nsRules, type RegistryKind } from "../core/kinds.ts";
import { matchesEndpointQuery, matchesServiceQuery } from "../match/index.ts";
import { EntryStore } from "./store.ts";

/** The bottom of a chain that keeps its entries. */
export interface MemoryHandler<K extends RegistryKind> extends Handler<K> {
  /** Entries there are. */
  readonly size: number;
}

/** Network services in memory, as the bottom of a chain. */
export function memoryServices(): MemoryHandler<NsKind> {
  return memory(nsRules, new EntryStore<NetworkService>({ keys: () => [], fits: matchesServiceQuery }));
}

/** Endpoints in memory, indexed by name and by service. */
export function memoryEndpoints(): MemoryHandler<NseKind> {
  const keys = (entry: NetworkServiceEndpoint): readonly string[] => entry.networkServiceNames;
  return memory(nseRules, new EntryStore<NetworkServiceEndpoint>({ keys, fits: matchesEndpointQuery }));
}

/** What is found is shared with the store: whoever changes it copies it first. */
function memory<K extends RegistryKind>(rules: EntryRules<K>, store: EntryStore<K["request"]>): MemoryHandler<K> {
  return {
    get size() {
      return store.size;
    },
    async request(_ctx, entry) {
      store.set(rules.copy(entry));
      return entry;
    },
    async close(_ctx, entry) {
      store.delete(entry.name);
    },
    async *find(ctx, query) {
      const pattern = rules.pattern(query);
      if (!query.watch) {
        for (const entry of store.find(pattern)) yield rules.found(entry, false);
        return;
      }
      for await (const { entry, deleted } of store.watch(pattern, { signal: ctx.signal }))
        yield rules.found(entry, deleted);
    },
  };
}
