import { type Clock, type Closable, closeAll, type Logger, silentLogger, systemClock, type Timer } from "@nsmkit/core";
import type { Agent } from "../../agent.ts";
import type { Etcd, Session } from "../../etcd/api.ts";
import { openEtcd } from "../../etcd/client/client.ts";
import type { EtcdConf } from "../../etcd/conf.ts";
import { expandVariables } from "../../etcd/expand.ts";
import { openSession } from "../../etcd/session.ts";
import type { EndpointNotifications } from "../../plugins/nsm/mesh.ts";
import type { AgentStatus } from "../../probe.ts";
import type { AgentSource, SourceCore } from "../source.ts";
import { AgentStatusPublisher } from "../status/agent-status.ts";
import { EndpointNotices } from "../status/endpoint-notices.ts";
import { StatusPublisher } from "../status/publisher.ts";
import { EtcdSource } from "./source.ts";

export interface EtcdNorthboundOptions {
  readonly conf: EtcdConf;
  /** Microservice label of the agent. */
  readonly label: string;
  /** Write the states of values; default true. */
  readonly publishStates?: boolean;
  /** For variables in values, if etcd.conf wants them replaced. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** In place of a client made from `conf`; closed with this object all the same. */
  readonly etcd?: Etcd;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Everything that an agent does with etcd. Close it after the agent, so that the last states are told. */
export interface EtcdNorthbound extends Closable {
  readonly etcd: Etcd;
  /** For `AgentOptions.sources`. */
  source(core: SourceCore): AgentSource;
  /** The source, once it was made. */
  readonly configuration: EtcdSource | undefined;
  /** For the NSM plugin. */
  readonly notifications: EndpointNotifications;
  /** States written so far; undefined when they are not published. */
  readonly published: { readonly operations: number; readonly transactions: number } | undefined;
  /** Begins to tell how the agent and its values are. Before the agent starts, so that nothing is missed. */
  publish(agent: Pick<Agent, "scheduler">, read: () => AgentStatus): void;
}

/** Begins to connect at once; a store that is away is nobody's trouble before the agent loads its sources. */
export function openEtcdNorthbound(options: EtcdNorthboundOptions): EtcdNorthbound {
  const { conf, logger = silentLogger, clock = systemClock } = options;
  const deps = { logger: logger.child({ component: "etcd" }), clock };
  const etcd = options.etcd ?? openEtcd({ ...conf.client, ...deps });
  const session = openSession(etcd, { ttlSeconds: conf.sessionTtlSeconds, ...deps });
  const northbound = new AgentEtcd(options, { etcd, session, ...deps });
  northbound.start();
  return northbound;
}

interface Deps {
  readonly etcd: Etcd;
  readonly session: Session;
  readonly logger: Logger;
  readonly clock: Clock;
}

class AgentEtcd implements EtcdNorthbound {
  readonly etcd: Etcd;
  readonly notifications: EndpointNotices;
  configuration: EtcdSource | undefined;
  readonly #options: EtcdNorthboundOptions;
  readonly #deps: Deps;
  readonly #refused = new Map<string, string>();
  #states: StatusPublisher | undefined;
  #health: AgentStatusPublisher | undefined;
  #compaction: Timer | undefined;
  #closed = false;

  constructor(options: EtcdNorthboundOptions, deps: Deps) {
    this.#options = options;
    this.#deps = deps;
    this.etcd = deps.etcd;
    this.notifications = new EndpointNotices(deps);
  }

  start(): void {
    this.notifications.start();
    this.#compactLater();
  }

  source(core: SourceCore): AgentSource {
    const { conf, environment = {} } = this.#options;
    this.configuration = new EtcdSource(core, {
      etcd: this.etcd,
      allowDelayedStart: conf.allowDelayedStart,
      reconnectIntervalMs: conf.reconnectIntervalMs,
      resyncAfterReconnect: conf.resyncAfterReconnect,
      ...(conf.expandVariables ? { expand: (text: string) => expandVariables(text, environment) } : {}),
      onSnapshot: () => {
        this.#states?.verify();
        this.notifications.verify();
      },
      onRefused: (key, error) => {
        if (error === undefined) this.#refused.delete(key);
        else this.#refused.set(key, error);
        this.#states?.refused(key, error);
      },
    });
    return this.configuration;
  }

  get published(): { readonly operations: number; readonly transactions: number } | undefined {
    return this.#states?.keys.counts;
  }

  publish(agent: Pick<Agent, "scheduler">, read: () => AgentStatus): void {
    const { label, publishStates = true } = this.#options;
    const deps = { ...this.#deps, label };
    this.#health = new AgentStatusPublisher({ ...deps, read });
    this.#health.start();
    if (!publishStates) return;
    this.#states = new StatusPublisher({ ...deps, scheduler: agent.scheduler });
    this.#states.start();
    for (const [key, error] of this.#refused) this.#states.refused(key, error);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#compaction?.cancel();
    const { etcd, session } = this.#deps;
    const parts: (Closable | undefined)[] = [etcd, session, this.notifications, this.#states, this.#health];
    await closeAll(parts.flatMap((part) => part ?? []));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `auto-compact`: everything before now is forgotten, for everyone who uses this etcd. */
  #compactLater(): void {
    const { autoCompactMs } = this.#options.conf;
    if (autoCompactMs === undefined || this.#closed) return;
    this.#compaction = this.#deps.clock.after(autoCompactMs, () => {
      void this.#compact().finally(() => this.#compactLater());
    });
  }

  async #compact(): Promise<void> {
    try {
      // Any answer has the store's revision.
      const { store } = await this.etcd.list({ key: "/probe-etcd-connection" }, { keysOnly: true });
      await this.etcd.compact(store.revision);
      this.#deps.logger.info("etcd's history was compacted", { revision: store.revision.toString() });
    } catch (error) {
      if (!this.#closed) this.#deps.logger.warn("etcd's history was not compacted", { error });
    }
  }
}
