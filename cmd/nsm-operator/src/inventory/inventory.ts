import { type Clock, isCodedError, type Logger } from "@nsmkit/core";
import { type Client, Informer, objectKey, type UnknownObject } from "@nsmkit/kube";
import { type Kind, kindNamed, kindOf, kinds } from "./kinds.ts";
import { meshOf, ownedSelector, selectorOf, slim } from "./ownership.ts";

export interface InventoryOptions {
  readonly client: Client;
  /** Empty for all. */
  readonly namespaces: readonly string[];
  /** Told of the mesh, by its label, whose object changed without us. */
  readonly onChange: (mesh: string) => void;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * What the operator has made, as the cluster shows it: one watch per kind, restricted by our labels, so that its size
 * follows the mesh (some tens of objects) and not the cluster. Pods and nodes are never watched: what is asked of them
 * stands in the status of their DaemonSet or Deployment.
 */
export class Inventory implements AsyncDisposable {
  readonly #options: InventoryOptions;
  readonly #informers = new Map<string, Informer<UnknownObject>>();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** Watches the kinds that every cluster serves. */
  async start(options: { signal: AbortSignal }): Promise<void> {
    const { namespaces } = this.#options;
    const served = kinds.filter((kind) => !kind.custom);
    const wanted = served.flatMap((kind) =>
      kind.namespaced && namespaces.length > 0
        ? namespaces.map((namespace) => this.#open(kind, namespace))
        : [this.#open(kind)],
    );
    await Promise.all(wanted.map((informer) => informer.synced(options)));
  }

  /** Watches also what the object is: a custom kind, or another namespace. */
  async cover(object: UnknownObject, options: { signal: AbortSignal }): Promise<void> {
    await filled(this.#of(object), options);
  }

  /** Watches also these places, as "Role kube-system". */
  async coverPlaces(places: readonly string[], options: { signal: AbortSignal }): Promise<void> {
    if (this.#options.namespaces.length === 0) return;
    const informers = places.map((place) => {
      const [kind = "", namespace = ""] = place.split(" ");
      return this.#open(kindNamed(kind), namespace);
    });
    await Promise.all(informers.map((informer) => filled(informer, options)));
  }

  /** The live object of the same kind and name, if it is ours. */
  find(object: UnknownObject): UnknownObject | undefined {
    return this.#of(object).get(objectKey(object));
  }

  /** As `find`, for what is only to be talked about: a kind that is not watched yet is not asked for. */
  peek(object: UnknownObject): UnknownObject | undefined {
    return this.#informers.get(this.#keyOf(object))?.get(objectKey(object));
  }

  /** All live objects of a mesh. */
  ofMesh(mesh: string): readonly UnknownObject[] {
    return [...this.#informers.values()].flatMap((informer) => informer.byIndex("mesh", mesh));
  }

  /** All live objects of a kind, of whatever mesh. */
  ofKind(kind: Kind): readonly UnknownObject[] {
    return [...this.#informers].flatMap(([key, one]) => (key.startsWith(`${kind.plural} `) ? one.list() : []));
  }

  /** Our objects of one mesh, as the API server has them now: before the last step of a removal nothing is taken on trust. */
  async listNow(kind: Kind, mesh: string, options: { signal: AbortSignal }): Promise<readonly UnknownObject[]> {
    const { client, namespaces } = this.#options;
    const labelSelector = selectorOf(mesh);
    const covered = [...this.#informers.keys()].flatMap((key) => {
      const [name = "", namespace = ""] = key.split(" ");
      return name === kind.plural && namespace !== "" ? [namespace] : [];
    });
    const places = kind.namespaced && namespaces.length > 0 ? covered.map((namespace) => ({ namespace })) : [{}];
    const lists = await Promise.all(
      places.map((place) => client.list<UnknownObject>(kind, { ...place, labelSelector, ...options })),
    );
    return lists.flatMap((list) => list.items);
  }

  /** Takes in the answer of our own apply. */
  learn(object: UnknownObject): void {
    this.#of(object).learn(object);
  }

  /** Takes in that we deleted it. With finalizers it is still there until the watch says otherwise. */
  forget(object: UnknownObject): void {
    if ((object.metadata.finalizers ?? []).length === 0) this.#of(object).forget(object);
  }

  /** Objects held, for the metrics. */
  get size(): number {
    return [...this.#informers.values()].reduce((sum, informer) => sum + informer.list().length, 0);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #of(object: UnknownObject): Informer<UnknownObject> {
    return this.#open(kindOf(object), this.#placeOf(object));
  }

  #keyOf(object: UnknownObject): string {
    return `${kindOf(object).plural} ${this.#placeOf(object) ?? ""}`;
  }

  #placeOf(object: UnknownObject): string | undefined {
    return kindOf(object).namespaced && this.#options.namespaces.length > 0 ? object.metadata.namespace : undefined;
  }

  #open(kind: Kind, namespace?: string): Informer<UnknownObject> {
    const key = `${kind.plural} ${namespace ?? ""}`;
    const known = this.#informers.get(key);
    if (known) return known;
    const { client, clock, logger, onChange } = this.#options;
    const informer = new Informer<UnknownObject>({
      ...{ client, resource: kind, labelSelector: ownedSelector, transform: slim },
      ...(namespace === undefined ? {} : { namespace }),
      ...(clock ? { clock } : {}),
      ...(logger ? { logger } : {}),
    });
    informer.index("mesh", (object) => [meshOf(object) ?? ""]);
    informer.onChange((change) => {
      const before = change.type === "updated" ? meshOf(change.before) : undefined;
      for (const mesh of new Set([meshOf(change.object), before])) if (mesh) onChange(mesh);
    });
    informer.start();
    this.#informers.set(key, informer);
    return informer;
  }
}

/** How long a cache may take: a list of some tens of objects, or a definition that the server begins to serve. */
const filledMs = 10_000;

/** @throws why it is not filled: a right that is missing must be told, and not be waited for */
async function filled(informer: Informer<UnknownObject>, { signal }: { signal: AbortSignal }): Promise<void> {
  try {
    await informer.synced({ signal: AbortSignal.any([signal, AbortSignal.timeout(filledMs)]) });
  } catch (error) {
    throw !signal.aborted && isCodedError(informer.failure, "PERMISSION_DENIED") ? informer.failure : error;
  }
}
