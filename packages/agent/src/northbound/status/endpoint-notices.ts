import type { Clock, Closable, Logger, Timer } from "@nsmkit/core";
import type { Etcd, Session } from "../../etcd/api.ts";
import type { EndpointNotifications } from "../../plugins/nsm/mesh.ts";
import { agentPrefix } from "../files/key-values.ts";

export interface EndpointNoticesOptions {
  readonly etcd: Etcd;
  readonly session: Session;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How often the notices are looked after, ms. Another agent with the same endpoint may have taken its own away. */
const lookAfterMs = 10_000;

/** After a failure, ms. */
const retryMs = 1000;

/**
 * The key that says that a network service has an endpoint with a label (cnf-nsm plugins/nsmplugin/descriptor).
 * `global` stands where other keys have an agent's label: whoever waits for a service need not know who serves it.
 */
export function noticeKey(networkService: string, label: string, value: string): string {
  const part = (text: string): string => (text === "" ? "<invalid>" : text);
  return `${agentPrefix}global/notification/nsm/endpoint/service/${part(networkService)}/label/${part(label)}/${part(value)}`;
}

/** google.protobuf.Empty as JSON. */
const notice = "{}";

/**
 * Tells in etcd which endpoints this agent serves, one key per advertised label, bound to our lease. Several agents may
 * serve the same: a key that is there is left as it is, and only one of our own is taken away.
 */
export class EndpointNotices implements EndpointNotifications, Closable {
  readonly #options: EndpointNoticesOptions;
  /** How many endpoints of ours ask for a key. */
  readonly #wanted = new Map<string, number>();
  readonly #withdrawn = new Set<string>();
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #timer: Timer | undefined;
  #stopListening: () => void = () => {};

  constructor(options: EndpointNoticesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopListening = this.#options.session.onLease(() => this.verify());
  }

  publish(networkService: string, labels: Readonly<Record<string, string>>): void {
    for (const key of keysOf(networkService, labels)) {
      this.#wanted.set(key, (this.#wanted.get(key) ?? 0) + 1);
      this.#withdrawn.delete(key);
    }
    this.verify();
  }

  withdraw(networkService: string, labels: Readonly<Record<string, string>>): void {
    for (const key of keysOf(networkService, labels)) {
      const left = (this.#wanted.get(key) ?? 1) - 1;
      if (left > 0) this.#wanted.set(key, left);
      else {
        this.#wanted.delete(key);
        this.#withdrawn.add(key);
      }
    }
    this.verify();
  }

  /** Puts right what is not as it should be. */
  verify(): void {
    this.#again = true;
    if (this.#closing.signal.aborted || this.#options.session.lease === undefined) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#closing.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    this.#timer?.cancel();
    let nextMs = lookAfterMs;
    try {
      while (this.#again && !this.#closing.signal.aborted) {
        this.#again = false;
        await this.#putRight();
      }
    } catch (error) {
      nextMs = retryMs;
      if (!this.#closing.signal.aborted) this.#options.logger.warn("endpoints cannot be announced now", { error });
    }
    if (this.#closing.signal.aborted || this.#wanted.size + this.#withdrawn.size === 0) return;
    this.#timer = this.#options.clock.after(nextMs, () => this.verify());
  }

  async #putRight(): Promise<void> {
    const { etcd, session } = this.#options;
    const options = { signal: this.#closing.signal };
    const { lease } = session;
    if (lease === undefined) return;
    for (const key of [...this.#withdrawn]) {
      await etcd.txn({ compare: [{ key, lease }], success: [{ delete: key }] }, options);
      this.#withdrawn.delete(key);
    }
    for (const key of this.#wanted.keys())
      await etcd.txn({ compare: [{ key, version: 0n }], success: [{ put: key, value: notice, lease }] }, options);
  }
}

function keysOf(networkService: string, labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(([label, value]) => noticeKey(networkService, label, value));
}
