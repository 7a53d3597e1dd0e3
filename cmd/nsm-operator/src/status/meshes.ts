import type { Clock, Logger } from "@nsmkit/core";
import { type CacheChange, type Client, Informer } from "@nsmkit/kube";
import { type Nsm, nsms } from "./status.ts";

/** NSM resources as the reconciler sees them. */
export interface Meshes {
  get(key: string): Nsm | undefined;
  list(): readonly Nsm[];
  learn(nsm: Nsm): void;
}

/** The NSM resources of the watched namespaces: one watch for each, or one for all. */
export class WatchedMeshes implements Meshes, AsyncDisposable {
  readonly #informers: ReadonlyMap<string, Informer<Nsm>>;

  /** @param namespaces empty for all */
  constructor(client: Client, namespaces: readonly string[], deps: { clock: Clock; logger: Logger }) {
    const places = namespaces.length > 0 ? namespaces.map((namespace) => ({ namespace })) : [{}];
    // The status is compared as a whole, so nobody's managed fields are of use.
    const transform = (nsm: Nsm): Nsm => ({ ...nsm, metadata: { ...nsm.metadata, managedFields: [] } });
    const informer = (place: { namespace?: string }): [string, Informer<Nsm>] => [
      place.namespace ?? "",
      new Informer<Nsm>({ client, resource: nsms, transform, ...place, ...deps }),
    ];
    this.#informers = new Map(places.map(informer));
  }

  #of(namespace: string): Informer<Nsm> | undefined {
    return this.#informers.get(namespace) ?? this.#informers.get("");
  }

  get(key: string): Nsm | undefined {
    return this.#of(key.split("/")[0] ?? "")?.get(key);
  }

  list(): readonly Nsm[] {
    return [...this.#informers.values()].flatMap((informer) => informer.list());
  }

  learn(nsm: Nsm): void {
    this.#of(nsm.metadata.namespace ?? "")?.learn(nsm);
  }

  onChange(listener: (change: CacheChange<Nsm>) => void): void {
    for (const informer of this.#informers.values()) informer.onChange(listener);
  }

  start(): void {
    for (const informer of this.#informers.values()) informer.start();
  }

  async synced(options: { signal: AbortSignal }): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced(options)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
