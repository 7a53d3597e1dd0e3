import { type Clock, type Closable, isCodedError, type Logger, type Timer } from "@nsmkit/core";
import type { Etcd, Session } from "../../etcd/api.ts";
import { type AgentStatus, OperationalState, type PluginStatus } from "../../probe.ts";
import { agentPrefix } from "../files/key-values.ts";

export interface AgentStatusPublisherOptions {
  readonly etcd: Etcd;
  readonly session: Session;
  readonly label: string;
  /** How the agent is now. */
  readonly read: () => AgentStatus;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** cn-infra health/statuscheck: written this often even when nothing changes, ms. */
const periodMs = 10_000;

/** How soon a change is noticed, ms. */
const lookMs = 1000;

const names = Object.fromEntries(Object.entries(OperationalState).map(([name, number]) => [number, name]));

/** `check/status/v1/agent` and `check/status/v1/plugin/<name>` below the agent's prefix. */
export function agentStatusKey(label: string, plugin?: string): string {
  const base = `${agentPrefix}${label}/check/status/v1/`;
  return plugin === undefined ? `${base}agent` : `${base}plugin/${plugin}`;
}

/**
 * Tells in etcd every 10 s, and soon after a change, how the agent and its parts are. The keys are bound to our lease,
 * so an agent that is gone is not taken for one that is well; the original leaves them for ever.
 */
export class AgentStatusPublisher implements Closable {
  readonly #options: AgentStatusPublisherOptions;
  readonly #closing = new AbortController();
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #last = { text: "", lease: 0n, atMs: Number.NEGATIVE_INFINITY };
  #stopListening: () => void = () => {};

  constructor(options: AgentStatusPublisherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopListening = this.#options.session.onLease(() => this.#look());
    this.#look();
  }

  async close(): Promise<void> {
    this.#stopListening();
    this.#closing.abort();
    this.#timer?.cancel();
    await this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #look(): void {
    const { clock, session, read } = this.#options;
    if (this.#closing.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = clock.after(lookMs, () => this.#look());
    const { lease } = session;
    if (lease === undefined || this.#writing) return;
    const status = read();
    const text = JSON.stringify({ ...status, last_update: 0, plugins: [], PluginStatus: withoutTimes(status) });
    const due = clock.monotonic() - this.#last.atMs >= periodMs;
    if (text === this.#last.text && lease === this.#last.lease && !due) return;
    this.#writing = this.#write(status, lease)
      .then(() => {
        this.#last = { text, lease, atMs: clock.monotonic() };
      })
      .catch((error: unknown) => {
        if (!isCodedError(error, "ABORTED"))
          this.#options.logger.debug("the agent's status was not written", { error });
      })
      .finally(() => {
        this.#writing = undefined;
      });
  }

  async #write(status: AgentStatus, lease: bigint): Promise<void> {
    const { etcd, label } = this.#options;
    const plugins = Object.entries(status.PluginStatus).slice(0, 100);
    await etcd.txn(
      {
        success: [
          { put: agentStatusKey(label), value: formatAgentStatus(status), lease },
          ...plugins.map(([name, plugin]) => ({
            put: agentStatusKey(label, name),
            value: JSON.stringify(pluginFields(plugin)),
            lease,
          })),
        ],
      },
      { signal: this.#closing.signal },
    );
  }
}

/** status.AgentStatus as protobuf JSON: original names, enums by name, 64-bit numbers as text, defaults left out. */
export function formatAgentStatus(status: AgentStatus): string {
  const { build_version, build_date, state, start_time, last_change, last_update, commit_hash, plugins } = status;
  return JSON.stringify({
    build_version,
    ...(build_date === undefined ? {} : { build_date }),
    ...(state === 0 ? {} : { state: names[state] }),
    start_time: String(start_time),
    last_change: String(last_change),
    last_update: String(last_update),
    ...(commit_hash === undefined ? {} : { commit_hash }),
    plugins: plugins.map(({ name, state, error }) => ({
      name,
      ...(state === 0 ? {} : { state: names[state] }),
      ...(error === undefined ? {} : { error }),
    })),
  });
}

function pluginFields({ state, last_change, last_update, error }: PluginStatus): object {
  return {
    ...(state === 0 ? {} : { state: names[state] }),
    last_change: String(last_change),
    last_update: String(last_update),
    ...(error === undefined ? {} : { error }),
  };
}

function withoutTimes({ PluginStatus }: AgentStatus): object {
  return Object.fromEntries(Object.entries(PluginStatus).map(([name, { state, error }]) => [name, { state, error }]));
}
