import type { NetworkServiceEndpoint } from "@nsmkit/api/registry";
import type { Clock } from "@nsmkit/core";
import { begun, bounded, key } from "../../../chain/index.ts";
import { type NseElement, nseRules } from "../../core/kinds.ts";
import { endpointPattern } from "../../core/patterns.ts";
import { matchesEndpointQuery } from "../../match/index.ts";
import { EntryStore } from "../../memory/store.ts";

/** Endpoints that registered right here and are alive, whatever the registry behind knows of them. */
export class LocalEndpoints {
  readonly #entries = new EntryStore<NetworkServiceEndpoint>({
    keys: (entry) => entry.networkServiceNames,
    fits: matchesEndpointQuery,
  });
  readonly #nameKey = key<string>("local endpoint", (name) => void this.#entries.delete(name));

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps what passes. Its place is where URLs are those that this process can connect to. */
  element(): NseElement {
    return {
      name: "local",
      role: "server",
      requires: ["begin"],
      request: async (ctx, entry, next) => {
        const { name, url } = entry;
        const reply = await next.request(ctx, entry);
        this.#entries.set({ ...nseRules.copy(reply), name, url });
        begun(ctx).store.set(this.#nameKey, name);
        return reply;
      },
    };
  }

  /**
   * Those that offer a service, in the order of registration.
   * @param options.waitMs how long to wait for the first if there is none, ms
   */
  async offering(
    service: string,
    options: { readonly signal: AbortSignal; readonly clock: Clock; readonly waitMs: number },
  ): Promise<readonly NetworkServiceEndpoint[]> {
    const pattern = endpointPattern({ networkServiceNames: [service] });
    const now = this.#entries.find(pattern);
    if (now.length > 0 || options.waitMs === 0) return now;
    using time = bounded(options.clock, options.waitMs, "waiting for an endpoint", [options.signal]);
    await using watch = this.#entries.watch(pattern, { signal: time.signal });
    await watch.next();
    return this.#entries.find(pattern);
  }
}
