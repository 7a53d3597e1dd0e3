import type { ModelRegistry } from "@nsmkit/api/model";
import { closeAll, type Logger, messageOf } from "@nsmkit/core";
import { type Client, Informer, objectKey } from "@nsmkit/kube";
import type { PartStatus } from "../../probe.ts";
import type { AgentSource, SourceCore } from "../source.ts";
import type { Change } from "../store.ts";
import { Declarations, sourceOfResource, type Taken } from "./declarations.ts";
import { type CnfConfigurationObject, cnfConfigurations, concerns, isSameDeclaration, slim } from "./resource.ts";
import { StatusWriter } from "./status-writer.ts";

export interface KubernetesSourceOptions {
  /** The source does not close it. */
  readonly client: Pick<Client, "list" | "watch" | "mergePatch">;
  /** Take resources of one namespace only; default all, as the space of labels and keys is one. */
  readonly namespace?: string;
  /** What a resource may declare, for whatever agent. */
  readonly allModels: ModelRegistry;
  /** How long the agent waits for the API server when it starts, ms; default 5,000. Then it starts without. */
  readonly patienceMs?: number;
}

/** How the source is, for people. */
export interface KubernetesSourceStatus {
  /** Whether the resources are known. */
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
export class KubernetesSource implements AgentSource {
  readonly name = "kubernetes";
  readonly #core: SourceCore;
  readonly #logger: Logger;
  readonly #patienceMs: number;
  readonly #informer: Informer<CnfConfigurationObject>;
  readonly #declarations: Declarations;
  readonly #writer: StatusWriter;
  readonly #stop = new AbortController();
  readonly #pending = new Map<string, CnfConfigurationObject | undefined>();
  /** Resources by the keys of their items for this agent. */
  #resourceOf = new Map<string, string>();
  /** What others declare besides, while the agent starts. */
  #others: readonly Change[] = [];
  #known = false;
  /** What to ask once everything is known for the first time; undefined before `start`. */
  #completes: (() => boolean) | undefined;
  #flushing: Promise<void> | undefined;
  #watching: Promise<void> | undefined;

  constructor(core: SourceCore, options: KubernetesSourceOptions) {
    const { label, models, northbound, scheduler, clock } = core;
    const { client, allModels, patienceMs = 5_000 } = options;
    this.#core = core;
    this.#patienceMs = patienceMs;
    this.#logger = core.logger.child({ component: "kubernetes" });
    this.#informer = new Informer({
      client,
      resource: cnfConfigurations,
      transform: slim,
      clock,
      logger: this.#logger,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    });
    this.#declarations = new Declarations({
      label,
      models,
      allModels,
      check: (changes) => northbound.check([...this.#others, ...changes]),
    });
    this.#writer = new StatusWriter({
      ...{ client, label, models, clock, logger: this.#logger },
      declarationOf: (resource) => this.#declarations.get(resource),
      statusOf: (key) => scheduler.status(key),
    });
  }

  async load(before: Promise<readonly Change[]>): Promise<{ changes: readonly Change[]; complete: boolean }> {
    const { clock } = this.#core;
    const { signal } = this.#stop;
    this.#informer.onChange((change) => {
      this.#pending.set(objectKey(change.object), change.type === "deleted" ? undefined : change.object);
      this.#soon();
    });
    this.#informer.start();
    await using patience = new AsyncDisposableStack();
    const waiting = new AbortController();
    patience.defer(() => waiting.abort());
    const arrived = await Promise.race([
      this.#informer.synced({ signal }).then(() => true),
      clock.sleep(this.#patienceMs, { signal: AbortSignal.any([signal, waiting.signal]) }).then(() => false),
    ]);
    this.#others = await before;
    if (!arrived) {
      this.#logger.warn("the API server does not answer, the agent starts without it", { waitedMs: this.#patienceMs });
      return { changes: [], complete: false };
    }
    const { changes } = this.#take();
    this.#known = true;
    return { changes, complete: true };
  }

  start({ completes }: { readonly completes: () => boolean }): void {
    this.#others = [];
    this.#completes = completes;
    this.#writer.start();
    this.#watching = this.#watchStates();
    for (const resource of this.#declarations.all.keys()) this.#writer.consider(resource);
    this.#soon();
  }

  status(): PartStatus {
    const { refused } = this.details;
    // Without the API server the agent goes on with what it has. ERROR would have it restarted, which helps nobody.
    if (!this.#known) return { state: "INIT", error: "CNFConfigurations are not known yet" };
    const [first, ...more] = refused;
    if (!first) return { state: "OK" };
    const rest = more.length > 0 ? `; and ${more.length} more resources` : "";
    return { state: "OK", error: `CNFConfiguration ${first.resource}: ${first.error}${rest}` };
  }

  get details(): KubernetesSourceStatus {
    const { label, northbound } = this.#core;
    const resources = [...this.#declarations.all].filter(([, { object }]) => concerns(object, label));
    return {
      synced: this.#known,
      items: resources.reduce((sum, [key]) => sum + northbound.store.itemsOf(sourceOfResource(key)).size, 0),
      refused: resources.flatMap(([resource, { progress }]) =>
        "problems" in progress ? { resource, error: progress.problems.map(({ text }) => text).join("\n") } : [],
      ),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await closeAll([this.#writer, this.#informer]);
    await Promise.all([this.#flushing, this.#watching]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Changes that arrive together are one transaction; before the first list is complete nothing is taken. */
  #soon(): void {
    if (!this.#completes) return;
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
    const { changes, touched } = this.#take();
    const completed = !this.#known && (this.#completes?.() ?? false);
    this.#known = true;
    // The first time the system is compared with all that is wanted: what nobody declares any more goes.
    if (changes.length > 0 || completed)
      this.#core.northbound.apply(changes, { description: describe(changes), ...(completed ? { resync: true } : {}) });
    for (const resource of touched) this.#writer.consider(resource);
  }

  #take(): Taken {
    const seen = new Map(this.#pending);
    this.#pending.clear();
    const written: string[] = [];
    for (const [key, object] of seen) {
      const before = this.#declarations.get(key)?.object;
      if (object === undefined || before === undefined || !isSameDeclaration(before, object)) continue;
      seen.delete(key);
      this.#declarations.learn(object);
      written.push(key);
    }
    const { changes, touched } = this.#declarations.take(seen);
    this.#resourceOf = this.#keysOfLabel();
    for (const resource of touched) this.#tell(resource);
    return { changes, touched: new Set([...touched, ...written]) };
  }

  #keysOfLabel(): Map<string, string> {
    const { label } = this.#core;
    const keys = new Map<string, string>();
    for (const [resource, { pairs }] of this.#declarations.all)
      for (const pair of pairs) if (pair.label === label) keys.set(pair.itemKey, resource);
    return keys;
  }

  #tell(resource: string): void {
    const declaration = this.#declarations.get(resource);
    if (!declaration || !concerns(declaration.object, this.#core.label)) return;
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
      for await (const { value } of this.#core.scheduler.watch({ signal: this.#stop.signal })) {
        const resource = this.#resourceOf.get(value.key);
        if (resource !== undefined) this.#writer.consider(resource);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#logger.error("states are not followed any more", { error: messageOf(error) });
    }
  }
}

function describe(changes: readonly Change[]): string {
  const [first, ...more] = changes.map(({ source }) => source.slice(sourceOfResource("").length));
  return `CNFConfiguration ${first ?? "snapshot"}${more.length > 0 ? ` and ${more.length} more` : ""}`;
}
