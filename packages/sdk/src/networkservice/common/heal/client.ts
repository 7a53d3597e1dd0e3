import { type Connection, State } from "@nsmkit/api/networkservice";
import { type BackoffOptions, backoffDelay, type Clock, type Logger, messageOf } from "@nsmkit/core";
import { begun } from "../../../chain/begin.ts";
import type { Begun } from "../../../chain/begun.ts";
import { bounded } from "../../../chain/bounded.ts";
import type { Context } from "../../../chain/context.ts";
import { key } from "../../../chain/key.ts";
import type { NetworkServiceElement, NetworkServiceKind } from "../../core/kind.ts";
import { listenDownstream } from "../monitor/downstream.ts";
import { LivenessRounds } from "./liveness.ts";

/** Whether packets still cross. Must look at the signal: it is cancelled when the time for an answer is over. */
export type LivenessCheck = (connection: Connection, options: { readonly signal: AbortSignal }) => Promise<boolean>;

export interface HealOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without it every loss of the control plane ends in a new choice of endpoint. */
  readonly livenessCheck?: LivenessCheck | undefined;
  /** Between two rounds of checks, ms; default 200. */
  readonly livenessIntervalMs?: number | undefined;
  /** For one check, ms; default 100. */
  readonly livenessTimeoutMs?: number | undefined;
  /** Pauses between attempts; default 50 ms growing to 1 s. Upstream makes none. */
  readonly backoff?: BackoffOptions | undefined;
  /** Bound of one attempt, ms; default 15,000. */
  readonly attemptTimeoutMs?: number | undefined;
  readonly random?: () => number;
  readonly down?: (connection: Connection, reason: string) => void;
  readonly healed?: (connection: Connection) => void;
}

type OwnBegun = Begun<NetworkServiceKind>;

/** The running attempt to heal a connection; at most one each. */
const healingKey = key<AbortController>("heal", (healing) => healing.abort());
/** Set in the context of requests that healing makes. */
const healedBy = key<AbortController>("healing request");
const roundsKey = key<Disposable>("liveness", (entry) => entry[Symbol.dispose]());

/**
 * Brings a connection back when the control plane reports it down or goes away, or when its data plane stops
 * answering. If packets still cross, the request is repeated as it was; if not, what is left is closed and any
 * endpoint will do. It goes on until it succeeds or the connection is closed; a request of the application that
 * succeeds meanwhile takes over. Triggers and order: networkservicemesh/sdk pkg/networkservice/common/heal.
 */
export function healClient(options: HealOptions): NetworkServiceElement {
  const healer = new Healer(options);
  return {
    name: "heal",
    role: "client",
    requires: ["begin"],
    async request(ctx, request, next) {
      const connection = begun<NetworkServiceKind>(ctx);
      const { store } = connection;
      listenDownstream(store, "heal", (event) => {
        if (event.connection.state !== State.DOWN) return;
        healer.start(connection, "lost" in event ? "the control plane went away" : "reported down", false);
      });
      const reply = await next.request(ctx, request);
      const healing = store.get(healingKey);
      if (healing && healing !== ctx.get(healedBy)) {
        store.take(healingKey)?.abort();
        options.healed?.(reply);
      }
      if (!store.get(roundsKey)) healer.check(connection);
      return reply;
    },
    async close(ctx, connection, next) {
      const { store } = begun(ctx);
      // A close that healing itself makes before it asks for another endpoint is part of the healing.
      if (ctx.get(healedBy) === undefined) store.take(healingKey)?.abort();
      store.take(roundsKey)?.[Symbol.dispose]();
      return next.close(ctx, connection);
    },
  };
}

class Healer {
  readonly #options: HealOptions;
  readonly #rounds: LivenessRounds;

  constructor(options: HealOptions) {
    this.#options = options;
    this.#rounds = new LivenessRounds(options.livenessIntervalMs ?? 200, options.clock);
  }

  /** Begins to watch the data plane, if there is a way to. */
  check(connection: OwnBegun): void {
    if (!this.#options.livenessCheck) return;
    const once = async (): Promise<void> => {
      const { store, last } = connection;
      if (!last || store.get(healingKey) || (await this.#alive(last.reply))) return;
      this.start(connection, "the data plane does not answer", true);
    };
    connection.store.set(roundsKey, this.#rounds.add(once));
  }

  start(connection: OwnBegun, reason: string, dataPlaneDown: boolean): void {
    const { store, last } = connection;
    if (!last || store.get(healingKey)) return;
    const healing = new AbortController();
    store.set(healingKey, healing);
    this.#options.logger.info("healing a connection", { connection: connection.id, reason });
    this.#options.down?.(last.reply, reason);
    void this.#heal(connection, healing, dataPlaneDown);
  }

  async #heal(connection: OwnBegun, healing: AbortController, dataPlaneDown: boolean): Promise<void> {
    const { clock, logger, healed, attemptTimeoutMs = 15_000, random = Math.random } = this.#options;
    const backoff = { initialMs: 50, maxMs: 1_000, ...this.#options.backoff };
    const { signal } = healing;
    const { id } = connection;
    let reselect = dataPlaneDown;
    for (let attempt = 1; !signal.aborted && connection.last; attempt++) {
      reselect ||= !(await this.#alive(connection.last.reply));
      try {
        const prepare = (ctx: Context): Context => ctx.with(healedBy, healing);
        const reply = await connection.request({ signal, reselect, timeoutMs: attemptTimeoutMs, prepare });
        if (!reply || signal.aborted) return;
        connection.store.take(healingKey);
        logger.info("healed a connection", { connection: id, attempt, reselect });
        healed?.(reply);
        return;
      } catch (error) {
        logger.warn("could not heal a connection yet", { connection: id, attempt, reason: messageOf(error) });
        await clock.sleep(backoffDelay(attempt, backoff, random), { signal }).catch(() => {});
      }
    }
  }

  async #alive(connection: Connection): Promise<boolean> {
    const { livenessCheck, livenessTimeoutMs = 100, clock } = this.#options;
    if (!livenessCheck) return false;
    using time = bounded(clock, livenessTimeoutMs, "checking the data plane");
    try {
      return await livenessCheck(connection, { signal: time.signal });
    } catch {
      return false;
    }
  }
}
