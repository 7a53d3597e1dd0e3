import { backoffDelay, type Clock, CodedError, isCodedError } from "@nsmkit/core";
import { apiVersionOf, type Client, type Named } from "@nsmkit/kube";
import { Gate } from "@nsmkit/sdk/chain";
import type { RegistryKind } from "@nsmkit/sdk/registry";
import type { EntryCache } from "./cache.ts";
import { callersError } from "./errors.ts";
import { isMap, type JsonMap, mergePatch } from "./json.ts";
import { derivedNameOf, objectNameOf } from "./name.ts";
import { readObject, type StoredKind, type StoredObject } from "./objects.ts";

export interface EntryWriterOptions<K extends RegistryKind> {
  readonly kind: StoredKind<K>;
  readonly client: Client;
  readonly cache: EntryCache<K>;
  readonly namespace: string;
  readonly clock: Clock;
}

/** An object with its spec as the API server sent it, which the cache does not keep. */
interface Read<E> {
  readonly object: StoredObject<E>;
  readonly spec?: JsonMap;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Writes under way at once; the others wait here and not in memory of the API server. */
const concurrency = 64;
/** Another replica wrote the same entry at the same time so often in a row: something is wrong. */
const attempts = 6;
const pause = { initialMs: 20, maxMs: 500, jitter: 1 };

/**
 * Writes entries of one registry into its own namespace. What is written is the difference to what there was, under the
 * condition that it is still that; who was quicker is looked at, and the decision is made again.
 */
export class EntryWriter<K extends RegistryKind> {
  readonly #options: EntryWriterOptions<K>;
  readonly #gate = new Gate(concurrency);
  readonly #busy = new Map<string, number>();

  constructor(options: EntryWriterOptions<K>) {
    this.#options = options;
  }

  /** Whether a write of this entry is under way. */
  isBusy(name: string): boolean {
    return this.#busy.has(name);
  }

  /**
   * Adds or replaces an entry.
   * @param decide from what is there, what shall be; undefined: it may stay. It may throw, and may be asked again
   * @returns the entry as it is now
   * @throws UNAVAILABLE and other retryable errors while the API server does not take it
   */
  put(
    name: string,
    decide: (there: K["request"] | undefined) => K["request"] | undefined,
    options: CallOptions = {},
  ): Promise<K["request"]> {
    return this.#run(`register ${this.#options.kind.rules.noun} "${name}"`, name, async () => {
      let objectName = objectNameOf(name);
      let read = this.#cached(name);
      for (let attempt = 1; ; attempt++) {
        const wanted = decide(read?.object.entry);
        if (wanted === undefined) return this.#entryOf(read?.object);
        try {
          return this.#entryOf(
            read ? await this.#replace(read, wanted, options) : await this.#create(objectName, wanted, options),
          );
        } catch (error) {
          const lostRace = isCodedError(error, "CONFLICT") || isCodedError(error, "ALREADY_EXISTS");
          const vanished = read !== undefined && isCodedError(error, "NOT_FOUND");
          if (attempt === attempts || !(lostRace || vanished)) throw error;
          if (attempt > 1) await this.#options.clock.sleep(backoffDelay(attempt, pause), options);
          const at = read?.object.metadata.name ?? objectName;
          read = await this.#read(at, options);
          if (read?.object.entry && read.object.entry.name !== name) {
            // Somebody gave this name to an object of another entry, which is not ours to replace.
            objectName = derivedNameOf(name);
            read = await this.#read(objectName, options);
          }
        }
      }
    });
  }

  /** @param allow throws if the entry that is there may not be removed */
  remove(name: string, allow: (there: K["request"]) => void, options: CallOptions = {}): Promise<void> {
    return this.#run(`unregister ${this.#options.kind.rules.noun} "${name}"`, name, async () => {
      let read = this.#cached(name) ?? (await this.#read(objectNameOf(name), options));
      for (let attempt = 1; read?.object.entry?.name === name; attempt++) {
        allow(read.object.entry);
        try {
          // A refresh by another replica does not matter, a new registration would.
          return await this.#delete(read.object, options);
        } catch (error) {
          if (!isCodedError(error, "CONFLICT") || attempt === attempts) throw error;
          read = await this.#read(read.object.metadata.name ?? objectNameOf(name), options);
        }
      }
    });
  }

  /**
   * Removes an object in exactly the version that was seen.
   * @returns whether it is gone; false if somebody changed it meanwhile
   */
  async removeVersion(object: StoredObject<K["request"]>, options: CallOptions = {}): Promise<boolean> {
    const { resourceVersion } = object.metadata;
    try {
      await this.#gate.run(() => this.#delete(object, { ...options, ...(resourceVersion && { resourceVersion }) }));
      return true;
    } catch (error) {
      if (isCodedError(error, "CONFLICT")) return false;
      throw error;
    }
  }

  async #run<T>(doing: string, name: string, work: () => Promise<T>): Promise<T> {
    this.#busy.set(name, (this.#busy.get(name) ?? 0) + 1);
    try {
      return await this.#gate.run(work);
    } catch (error) {
      throw callersError(error, doing, this.#options.kind.resource, this.#options.namespace);
    } finally {
      const left = (this.#busy.get(name) ?? 1) - 1;
      if (left === 0) this.#busy.delete(name);
      else this.#busy.set(name, left);
    }
  }

  #cached(name: string): Read<K["request"]> | undefined {
    const object = this.#options.cache.own(name);
    return object && { object };
  }

  /** Asks the API server itself. */
  async #read(objectName: string, { signal }: CallOptions): Promise<Read<K["request"]> | undefined> {
    const { client, kind } = this.#options;
    const found = await client.find(kind.resource, this.#at(objectName), signal ? { signal } : {});
    if (!found) return undefined;
    return { object: readObject(kind, found), ...(isMap(found.spec) && { spec: found.spec }) };
  }

  #at(objectName: string | undefined): Named {
    return { namespace: this.#options.namespace, name: objectName ?? "" };
  }

  async #create(objectName: string, entry: K["request"], { signal }: CallOptions): Promise<StoredObject<K["request"]>> {
    const { client, kind, cache } = this.#options;
    const object = {
      apiVersion: apiVersionOf(kind.resource),
      kind: kind.resource.kind,
      metadata: this.#at(objectName),
      spec: kind.write(entry),
    };
    return cache.learn(await client.create(kind.resource, object, signal ? { signal } : {}));
  }

  async #replace(
    { object, spec }: Read<K["request"]>,
    entry: K["request"],
    { signal }: CallOptions,
  ): Promise<StoredObject<K["request"]>> {
    const { client, kind, cache } = this.#options;
    const before = spec ?? (object.entry ? kind.write(object.entry) : {});
    const change = mergePatch(before, kind.write(entry));
    const { resourceVersion, uid } = object.metadata;
    const patch = { metadata: { resourceVersion, uid }, ...(change && { spec: change }) };
    const at = this.#at(object.metadata.name);
    return cache.learn(await client.mergePatch(kind.resource, at, patch, signal ? { signal } : {}));
  }

  async #delete(
    object: StoredObject<K["request"]>,
    options: CallOptions & { readonly resourceVersion?: string },
  ): Promise<void> {
    const { client, kind, cache } = this.#options;
    const { uid } = object.metadata;
    await client.delete(kind.resource, this.#at(object.metadata.name), {
      ...options,
      ...(uid !== undefined && { uid }),
    });
    cache.forget(object);
  }

  #entryOf(object: StoredObject<K["request"]> | undefined): K["request"] {
    const { rules } = this.#options.kind;
    if (object?.entry) return rules.copy(object.entry);
    throw new CodedError(
      "INTERNAL",
      `an object that was just written as ${rules.noun} cannot be read: ${object?.problem ?? "it holds no entry"}`,
    );
  }
}
