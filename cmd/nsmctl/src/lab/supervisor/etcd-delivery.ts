import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Etcd, Operation } from "@nsmkit/agent/etcd";
import { backoffDelay, messageOf } from "@nsmkit/core";
import { type Dialer, openTunnel } from "../../tunnel.ts";
import { insideDirectory } from "../host/places.ts";
import type { ConfigurationSpec } from "../spec/spec.ts";
import { Changes } from "./waiting.ts";

type Pairs = ReadonlyMap<string, string>;

/** Connects as a Pod would. */
export type ConnectFrom = (pod: string, host: string, port: number) => Dialer;

/**
 * Does in a lab what cnf-crd does on a cluster: writes CNFConfigurations into the etcds that agents read, one transaction
 * for each. What others write there stays.
 */
export class EtcdDelivery {
  readonly #connect: ConnectFrom;
  readonly #onChange: () => void;
  readonly #writers = new Map<string, EtcdWriter>();

  constructor(connect: ConnectFrom, onChange: () => void) {
    this.#connect = connect;
    this.#onChange = onChange;
  }

  /** Begins to bring the etcds to what is declared; `problems` says what is missing. */
  update(configurations: Iterable<ConfigurationSpec>): void {
    const wanted = new Map<string, { pod: string; endpoints: readonly string[]; pairs: Map<string, Pairs> }>();
    for (const { name, stored } of configurations)
      for (const { endpoints, pod, pairs } of stored) {
        const id = storeId(endpoints, pod);
        const store = wanted.get(id) ?? { pod, endpoints, pairs: new Map() };
        const all = [...(store.pairs.get(name) ?? []), ...pairs.map(({ key, value }) => [key, value] as const)];
        store.pairs.set(name, new Map(all));
        wanted.set(id, store);
      }
    for (const [id, { pod, endpoints, pairs }] of wanted) {
      let writer = this.#writers.get(id);
      if (!writer) {
        writer = new EtcdWriter(endpoints, this.#connect, this.#onChange);
        this.#writers.set(id, writer);
        writer.declare(pairs, pod);
        writer.start();
      } else writer.declare(pairs, pod);
    }
    for (const [id, writer] of this.#writers) if (!wanted.has(id)) writer.declare(new Map());
  }

  /** What is not written yet, and why. */
  problems(): string[] {
    return [...this.#writers.values()].flatMap((writer) => writer.problem ?? []);
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
    this.#writers.clear();
  }
}

/** The same endpoints are the same store, unless they lead into the Pod itself. */
function storeId(endpoints: readonly string[], pod: string): string {
  const own = endpoints.some((one) => /^(\w+:\/\/)?(127\.|localhost|\[::1\])|^unix/.test(one));
  return JSON.stringify([own ? pod : "", ...endpoints]);
}

/** Keys that the agent of a Pod is given in etcd, without its prefix. */
export function storedKeys(configurations: Iterable<ConfigurationSpec>, pod: string): string[] {
  return [...configurations].flatMap(({ stored }) =>
    stored
      .filter((one) => one.pod === pod)
      .flatMap(({ pairs }) => pairs.map(({ key }) => key.replace(/^\/vnf-agent\/[^/]+\//, ""))),
  );
}

/** A key of ours in each store: a store without it is a new one, in which nothing of ours is any more. */
const markerKey = "/nsmkit/lab";
/** How often is asked whether the store is still the same. */
const pollMs = 1000;
const backoff = { initialMs: 50, maxMs: 1000, jitter: 0 };

class EtcdWriter {
  readonly #endpoints: readonly string[];
  readonly #connect: ConnectFrom;
  readonly #onChange: () => void;
  /** From which the store is reached: one whose agent uses it. */
  #pod = "";
  readonly #wake = new Changes();
  readonly #closed = new AbortController();
  readonly #marker = `${process.pid}-${Date.now()}`;
  #desired: ReadonlyMap<string, Pairs> = new Map();
  #written = new Map<string, Pairs>();
  #done = false;
  #failure: string | undefined;

  constructor(endpoints: readonly string[], connect: ConnectFrom, onChange: () => void) {
    this.#endpoints = endpoints;
    this.#connect = connect;
    this.#onChange = onChange;
  }

  get problem(): string | undefined {
    // What is left of ours in a store that no agent reads any more is nothing to wait for.
    if (this.#done || this.#desired.size === 0) return undefined;
    const why = this.#failure === undefined ? "" : `: ${this.#failure}`;
    return `CNFConfigurations are not yet in etcd at ${this.#endpoints.join(", ")}${why}`;
  }

  declare(desired: ReadonlyMap<string, Pairs>, pod = this.#pod): void {
    this.#pod = pod;
    this.#desired = desired;
    this.#done = false;
    this.#wake.tell();
  }

  start(): void {
    void this.#run();
  }

  close(): void {
    this.#closed.abort();
    this.#wake.tell();
  }

  async #run(): Promise<void> {
    let failures = 0;
    await using opened = new AsyncDisposableStack();
    let etcd: Etcd | undefined;
    while (!this.#closed.signal.aborted) {
      try {
        etcd ??= opened.use(await this.#open(opened));
        await this.#write(etcd);
        failures = 0;
        this.#failure = undefined;
      } catch (error) {
        failures++;
        this.#failure = messageOf(error);
        this.#done = false;
      }
      this.#onChange();
      await this.#wake.next(failures > 0 ? backoffDelay(failures, backoff) : pollMs);
    }
  }

  async #open(owner: AsyncDisposableStack): Promise<Etcd> {
    const { signal } = this.#closed;
    const directory = join(insideDirectory, "tunnels");
    const [{ openEtcd }] = await Promise.all([import("@nsmkit/agent/etcd"), mkdir(directory, { recursive: true })]);
    const endpoints = this.#endpoints.map(async (endpoint) => {
      const dial: Dialer = (options) => dialerOf(endpoint, this.#pod, this.#connect)(options);
      return `unix://${owner.use(await openTunnel(dial, { signal, directory })).path}`;
    });
    return openEtcd({ endpoints: await Promise.all(endpoints), dialTimeoutMs: 1000, operationTimeoutMs: 3000 });
  }

  async #write(etcd: Etcd): Promise<void> {
    const { signal } = this.#closed;
    const desired = this.#desired;
    const marker = await etcd.get(markerKey, { signal });
    const isNew = marker === undefined || Buffer.from(marker.value).toString() !== this.#marker;
    if (isNew) {
      this.#done = false;
      this.#written = new Map();
    }
    const kept = new Set([...desired.values()].flatMap((pairs) => [...pairs.keys()]));
    for (const name of new Set([...this.#written.keys(), ...desired.keys()])) {
      const [before, after] = [this.#written.get(name), desired.get(name)];
      // One that changed is written as a whole: something else may have touched what stayed the same.
      const operations: Operation[] = isDeepStrictEqual(before, after)
        ? []
        : [
            ...[...(before?.keys() ?? [])].filter((key) => !kept.has(key)).map((key) => ({ delete: key })),
            ...[...(after ?? [])].map(([put, value]) => ({ put, value })),
          ];
      if (operations.length > 0) await etcd.txn({ success: operations }, { signal });
      if (after) this.#written.set(name, after);
      else this.#written.delete(name);
    }
    if (isNew) await etcd.put(markerKey, this.#marker, { signal });
    this.#done = this.#desired === desired;
  }
}

/** "host:port", "http://host:port", "unix:///path". */
function dialerOf(endpoint: string, pod: string, connect: ConnectFrom): Dialer {
  const [, host, port] = /^(?:https?:\/\/)?\[?([^/]*?)\]?:(\d+)$/.exec(endpoint) ?? [];
  return host === undefined || port === undefined ? connect(pod, endpoint, 0) : connect(pod, host, Number(port));
}
