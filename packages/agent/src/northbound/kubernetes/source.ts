import type { ModelRegistry } from "@nsmkit/api/model";
import { abortable, type Clock, type Closable, closeAll, Deferred, type Logger, messageOf } from "@nsmkit/core";
import { type Client, Informer, objectKey } from "@nsmkit/kube";
import type { Scheduler } from "@nsmkit/scheduler";
import type { Northbound } from "../northbound.ts";
import { Declarations, sourceOfResource } from "./declarations.ts";
import { type CnfConfigurationObject, cnfConfigurations, concerns, isSameDeclaration, slim } from "./resource.ts";
import { StatusWriter } from "./status-writer.ts";

export interface KubernetesSourceOptions {
  /** The source does not close it. */
  readonly client: Pick<Client, "list" | "watch" | "mergePatch">;
  /** Take resources of one namespace only; default all, as the space of labels and keys is one. */
  readonly namespace?: string;
  /** The agent's microservice label. */
  readonly label: string;
  /** What this agent can configure. */
  readonly models: ModelRegistry;
  /** What a resource may declare, for whatever agent. */
  readonly allModels: ModelRegistry;
  readonly northbound: Northbound;
  readonly scheduler: Pick<Scheduler, "status" | "watch">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How the source is, for probes and people. */
export interface KubernetesSourceStatus {
  readonly synced: boolean;
  /** Values in force. */
  readonly items: number;
  /** Resources for this agent that were refused, and why. */
  readonly refused: readonly { readonly resource: string; readonly error: string }[];
}

/**
 * CNFConfigurations straight from the Kubernetes API, without cnf-crd and etcd, with the same meaning: a resource is
 * taken as a whole, a key belongs to the resource that had it first, and the status tells what became of each item.
 * While the API server is away, what was declared stays in force.
 */
export class KubernetesSource implements Closable {
  readonly #options: KubernetesSourceOptions;
  readonly #logger: Logger;
  readonly #informer: Informer<CnfConfigurationObject>;
  readonly #declarations: Declarations;
  readonly #writer: StatusWriter;
  readonly #stop = new AbortController();
  readonly #taken = new Deferred<void>();
  readonly #pending = new Map<string, CnfConfigurationObject | undefined>();
  /** Resources by the keys of their items for this agent. */
  #resourceOf = new Map<string, string>();
  #synced = false;
  #flushing: Promise<void> | undefined;
  #watching: Promise<void> | undefined;

  constructor(options: KubernetesSourceOptions) {
    const { client, label, models, allModels, northbound, scheduler, clock } = options;
    this.#options = options;
    this.#logger = options.logger;
    this.#informer = new Informer({
      client,
      resource: cnfConfigurations,
      transform: slim,
      clock,
      logger: options.logger,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    });
    this.#declarations = new Declarations({
      label,
      models,
      allModels,
      check: (changes) => northbound.check(changes),
    });
    this.#writer = new StatusWriter({
      ...{ client, label, models, clock, logger: options.logger },
      declarationOf: (resource) => this.#declarations.get(resource),
      statusOf: (key) => scheduler.status(key),
    });
  }

  /** Begins to follow the resources, and to write their status. */
  start(): void {
    this.#informer.onChange((change) => {
      this.#pending.set(objectKey(change.object), change.type === "deleted" ? undefined : change.object);
      this.#soon();
    });
    this.#informer.start();
    this.#writer.start();
    this.#watching = this.#watchStates();
    this.#soon();
  }

  /** Resolves when what the API server had at first is applied. */
  synced(options: { signal: AbortSignal }): Promise<void> {
    return abortable(this.#taken.promise, options.signal, "listing CNFConfigurations");
  }

  get status(): KubernetesSourceStatus {
    const { label, northbound } = this.#options;
    const resources = [...this.#declarations.all].filter(([, { object }]) => concerns(object, label));
    return {
      synced: this.#synced,
      items: resources.reduce((sum, [key]) => sum + northbound.store.itemsOf(sourceOfResource(key)).size, 0),
      refused: resources.flatMap(([resource, { progress }]) =>
        "problems" in progress ? { resource, error: progress.problems.map(({ text }) => text).join("\n") } : [],
      ),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#taken.promise.catch(() => {});
    await closeAll([this.#writer, this.#informer]);
    await Promise.all([this.#flushing, this.#watching]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Changes that arrive together are one transaction; before the first list is complete nothing is taken. */
  #soon(): void {
    this.#flushing ??= this.#flush()
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#logger.error("CNFConfigurations cannot be taken", { error });
      })
      .finally(() => {
        this.#flushing = undefined;
        if (this.#pending.size > 0 && !this.#stop.signal.aborted) this.#soon();
      });
  }

  async #flush(): Promise<void> {
    const { signal } = this.#stop;
    await this.#informer.synced({ signal });
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
    const seen = new Map(this.#pending);
    this.#pending.clear();
    const written = [...seen].filter(([key, object]) => {
      const before = this.#declarations.get(key)?.object;
      return object !== undefined && before !== undefined && isSameDeclaration(before, object);
    });
    for (const [key, object] of written) {
      seen.delete(key);
      if (object) this.#declarations.learn(object);
    }
    const first = !this.#synced;
    const { changes, touched } = this.#declarations.take(seen);
    this.#resourceOf = this.#keysOfLabel();
    for (const resource of touched) this.#tell(resource);
    // The first time the system is compared with all that is wanted: what nobody declares any more goes.
    if (changes.length > 0 || first)
      this.#options.northbound.apply(changes, { description: describe(touched), ...(first ? { resync: true } : {}) });
    this.#synced = true;
    this.#taken.resolve();
    for (const resource of [...touched, ...written.map(([key]) => key)]) this.#writer.consider(resource);
  }

  #keysOfLabel(): Map<string, string> {
    const { label } = this.#options;
    const keys = new Map<string, string>();
    for (const [resource, { pairs }] of this.#declarations.all)
      for (const pair of pairs) if (pair.label === label) keys.set(pair.itemKey, resource);
    return keys;
  }

  #tell(resource: string): void {
    const declaration = this.#declarations.get(resource);
    if (!declaration || !concerns(declaration.object, this.#options.label)) return;
    const { progress } = declaration;
    if ("problems" in progress)
      this.#logger.error("CNFConfiguration is refused, what it said before stays in force", {
        resource,
        problems: progress.problems.map(({ place, text }) => `${place}: ${text}`),
      });
    else this.#logger.info("CNFConfiguration taken", { resource, items: declaration.pairs.length });
  }

  async #watchStates(): Promise<void> {
    try {
      for await (const { value } of this.#options.scheduler.watch({ signal: this.#stop.signal })) {
        const resource = this.#resourceOf.get(value.key);
        if (resource !== undefined) this.#writer.consider(resource);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#logger.error("states are not followed any more", { error: messageOf(error) });
    }
  }
}

function describe(resources: ReadonlySet<string>): string {
  const [first = "no", ...more] = resources;
  return `CNFConfiguration ${first}${more.length > 0 ? ` and ${more.length} more` : ""}`;
}
