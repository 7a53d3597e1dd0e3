import { backoffDelay, type Clock, Deferred, type Logger, messageOf, type Timer } from "@nsmkit/core";
import { bounded, Context, type Handler } from "../../chain/index.ts";
import type { EntryRules, RegistryKind } from "../core/kinds.ts";

export interface EntryWatchOptions<K extends RegistryKind> {
  readonly rules: EntryRules<K>;
  readonly registry: Handler<K>;
  readonly pattern: K["request"];
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Held<E> {
  readonly entry: E;
  /** False after a reconnection until the registry has told of the entry again. */
  confirmed: boolean;
}

/** Bound of the first list, ms. */
const listTimeoutMs = 10_000;
/** A registry that restarted is empty until endpoints are back; for this time what was known before is still believed. */
const graceMs = 10_000;
const backoff = { initialMs: 20, maxMs: 1_000 };

/**
 * A copy of what a registry holds for one pattern, kept fresh by one watch that is opened again whenever it breaks.
 * A list beside the watch tells when the copy is complete, for a watch has no mark for that.
 */
export class EntryWatch<K extends RegistryKind> {
  readonly #options: EntryWatchOptions<K>;
  readonly #entries = new Map<string, Held<K["request"]>>();
  readonly #listeners = new Set<() => void>();
  readonly #stopped = new AbortController();
  #first = new Deferred<void>();
  #complete = false;
  #version = 0;
  #grace: Timer | undefined;

  constructor(options: EntryWatchOptions<K>) {
    this.#options = options;
    this.#first.promise.catch(() => {});
  }

  /** True while the watch runs and all that it had to tell at first is here. */
  get complete(): boolean {
    return this.#complete;
  }

  get(name: string): K["request"] | undefined {
    return this.#entries.get(name)?.entry;
  }

  /** In the order in which the registry told of them. */
  entries(): K["request"][] {
    return Array.from(this.#entries.values(), ({ entry }) => entry);
  }

  /** Another number after every change of the entries. */
  get version(): number {
    return this.#version;
  }

  /** Resolves when the copy has been complete once or the first attempt has failed. */
  settled(): Promise<void> {
    return this.#first.promise;
  }

  /** Calls `changed` after every change. */
  listen(changed: () => void): Disposable {
    const listener = (): void => changed();
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  async run(): Promise<void> {
    const { clock } = this.#options;
    for (let attempt = 1; !this.#stopped.signal.aborted; attempt++) {
      const reached = await this.#session(attempt);
      this.#complete = false;
      this.#first.resolve();
      if (reached) attempt = 1;
      if (this.#stopped.signal.aborted) break;
      await clock.sleep(backoffDelay(attempt, backoff), { signal: this.#stopped.signal }).catch(() => {});
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#grace?.cancel();
    this.#first.resolve();
  }

  /** One watch from its opening to its end. @returns whether the copy became complete */
  async #session(attempt: number): Promise<boolean> {
    const session = new AbortController();
    const stop = (): void => session.abort();
    this.#stopped.signal.addEventListener("abort", stop, { once: true });
    const heard = new Set<string>();
    try {
      const watching = this.#watch(session.signal, heard);
      const listing = this.#list(session.signal, heard);
      // Each may fail after the other has ended the session.
      for (const part of [watching, listing]) part.catch(() => {});
      await Promise.race([listing, watching]);
      await watching;
    } catch (error) {
      const level = attempt === 1 ? "info" : "debug";
      if (!session.signal.aborted)
        this.#options.logger[level]("the watch on the registry broke", { reason: messageOf(error), attempt });
    } finally {
      this.#stopped.signal.removeEventListener("abort", stop);
      session.abort();
    }
    return this.#complete;
  }

  async #watch(signal: AbortSignal, heard: Set<string>): Promise<void> {
    for await (const found of this.#find(signal, true)) {
      const entry = this.#options.rules.entry(found);
      if (!entry) continue;
      heard.add(entry.name);
      if (found.deleted) this.#entries.delete(entry.name);
      else this.#entries.set(entry.name, { entry, confirmed: true });
      this.#tell();
    }
  }

  async #list(signal: AbortSignal, heard: ReadonlySet<string>): Promise<void> {
    const { rules, clock } = this.#options;
    using time = bounded(clock, listTimeoutMs, "listing the registry", [signal]);
    const listed: K["request"][] = [];
    for await (const found of this.#find(time.signal, false)) {
      const entry = rules.entry(found);
      if (entry && !found.deleted) listed.push(entry);
    }
    for (const [name, held] of this.#entries) held.confirmed = heard.has(name);
    // What the watch has told of is newer than the list.
    for (const entry of listed) if (!heard.has(entry.name)) this.#entries.set(entry.name, { entry, confirmed: true });
    this.#complete = true;
    this.#first.resolve();
    this.#tell();
    this.#forgetLater();
  }

  #forgetLater(): void {
    this.#grace?.cancel();
    this.#grace = undefined;
    if (![...this.#entries.values()].some((held) => !held.confirmed)) return;
    this.#grace = this.#options.clock.after(graceMs, () => {
      for (const [name, { confirmed }] of this.#entries) if (!confirmed) this.#entries.delete(name);
      this.#tell();
    });
  }

  #find(signal: AbortSignal, watch: boolean): AsyncIterable<K["found"]> {
    const { registry, rules, pattern, clock, logger } = this.#options;
    return registry.find(new Context({ signal, clock, logger }), rules.query(pattern, watch));
  }

  #tell(): void {
    this.#version++;
    for (const listener of [...this.#listeners]) listener();
  }
}
