import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { type Clock, type Logger, messageOf } from "@nsmkit/core";
import { objectKey } from "@nsmkit/kube";
import { Deadlines, type NseKind } from "@nsmkit/sdk/registry";
import type { EntryCache } from "./cache.ts";
import type { StoredObject } from "./objects.ts";
import type { EntryWriter } from "./writer.ts";

export interface CollectorOptions {
  readonly cache: EntryCache<NseKind>;
  readonly writer: EntryWriter<NseKind>;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: () => number;
}

type Endpoint = StoredObject<NetworkServiceEndpoint>;

/** The replica that wrote a lease ends it; the others wait this long, and each a little longer, in case it has died. */
const othersMs = { least: 2_000, spread: 3_000 };
/** After the API server came back, and after our own start, endpoints get this long to renew what they could not, ms. */
export const recoveryMs = 5_000;
const againMs = 1_000;
/** An object may say any time; timers of the system do not go far. */
const farMs = 3_600_000;

/**
 * Removes endpoints whose lease is over. The object says when that is; a timer only says when to look. The removal asks
 * for the very version that was looked at, so a lease that another replica renewed meanwhile stays.
 */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #deadlines: Deadlines<string>;
  readonly #graceMs: number;
  readonly #stop = new AbortController();

  constructor(options: CollectorOptions) {
    this.#options = options;
    const { random = Math.random } = options;
    this.#graceMs = Math.round(othersMs.least + othersMs.spread * random());
    this.#deadlines = new Deadlines(options.clock, (key) => this.#look(key));
  }

  /** Told of every object that is new, other or gone. */
  note(object: Endpoint, gone: boolean): void {
    const key = objectKey(object);
    const dueMs = gone ? undefined : this.#dueMs(object);
    if (dueMs === undefined) this.#deadlines.delete(key);
    else this.#lookAt(key, dueMs);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#deadlines.clear();
  }

  #dueMs(object: Endpoint): number | undefined {
    const end = object.entry?.expirationTime;
    if (!end) return undefined;
    const { cache } = this.#options;
    const ownMs = timestampMs(end) + (cache.isOurs(object) ? 0 : this.#graceMs);
    return Math.max(ownMs, cache.freshness.sinceMs + recoveryMs);
  }

  #lookAt(key: string, dueMs: number): void {
    this.#deadlines.set(key, Math.min(dueMs, this.#options.clock.now() + farMs));
  }

  #look(key: string): void {
    const { cache, writer, namespace, clock } = this.#options;
    const object = cache.get(key);
    const dueMs = object && this.#dueMs(object);
    if (!object?.entry || dueMs === undefined || this.#stop.signal.aborted) return;
    const nowMs = clock.now();
    if (dueMs > nowMs) this.#lookAt(key, dueMs);
    else if (!cache.freshness.isFresh || writer.isBusy(object.entry.name)) this.#deadlines.set(key, nowMs + againMs);
    else if (object.metadata.namespace === namespace) void this.#remove(key, object, object.entry.name);
    // Another mesh's registry collects in its own namespace.
    else cache.hide(object);
  }

  /** Nobody hears of an end before the API server has confirmed that nobody renewed the lease. */
  async #remove(key: string, object: Endpoint, endpoint: string): Promise<void> {
    const { cache, writer, clock, logger } = this.#options;
    try {
      if (!(await writer.removeVersion(object, { signal: this.#stop.signal }))) return;
      logger.info("endpoint expired", { endpoint });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      logger.warn("an expired endpoint could not be removed, trying again", { endpoint, reason: messageOf(error) });
      this.#deadlines.set(key, clock.now() + againMs * 5);
    }
    // Somebody's finalizer, or a refusal, keeps the object; its lease is over all the same.
    if (cache.get(key) === object) cache.hide(object);
  }
}
