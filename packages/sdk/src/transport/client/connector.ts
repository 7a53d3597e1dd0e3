import { X509Certificate } from "node:crypto";
import {
  abortable,
  backoffDelay,
  CodedError,
  Deferred,
  isCodedError,
  messageOf,
  silentLogger,
  systemClock,
} from "@nsmkit/core";
import type { DialOptions, Peer } from "../api.ts";
import { openTransport } from "../connection.ts";
import { Http2Client } from "../http2/client.ts";
import type { WireClient } from "../http2/wire.ts";
import { formatTarget, type Target } from "../target.ts";
import { connectSocket } from "./connect.ts";

export interface Connection {
  readonly wire: WireClient;
  readonly peer: Peer;
}

/** Between attempts after a failure. Short: a peer that restarts is to be found again well within a second. */
const backoff = { initialMs: 20, maxMs: 500 };

/** A peer whose certificate is about to end is asked again no more often than this, ms. */
const shortestUseMs = 1000;

/** How long running calls may hold up the end of a channel, ms. */
const closeGraceMs = 5000;

/** Keeps one connection to a target: makes it when asked, forgets it when it breaks or drains. */
export class Connector {
  readonly #target: Target;
  readonly #options: DialOptions;
  readonly #closing = new AbortController();
  readonly #open = new Set<{ connection: Connection; gone: Promise<void> }>();
  #current: Connection | undefined;
  #attempt: Promise<Connection> | undefined;
  #failures = 0;
  #failedAtMs = 0;

  constructor(target: Target, options: DialOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** The connection that takes new calls, if there is one now. */
  get current(): Connection | undefined {
    // One that is full still serves its calls; the next ones go beside it.
    if (this.#current?.wire.full) this.#current = undefined;
    return this.#current;
  }

  /** Waits for a connection; several callers share one attempt, and one caller's signal does not stop it for the others. */
  async acquire(signal: AbortSignal | undefined): Promise<Connection> {
    if (this.#closing.signal.aborted) {
      throw new CodedError("CLOSED", `the channel to ${formatTarget(this.#target)} is closed`);
    }
    const current = this.current;
    if (current) return current;
    this.#attempt ??= this.#connect().finally(() => {
      this.#attempt = undefined;
    });
    return abortable(this.#attempt, signal, `connecting to ${formatTarget(this.#target)}`);
  }

  /** Gives no more calls to a connection. */
  retire(connection: Connection): void {
    if (this.#current === connection) this.#current = undefined;
  }

  async #connect(): Promise<Connection> {
    const closing = this.#closing.signal;
    const timeoutMs = this.#options.dialTimeoutMs ?? 750;
    if (this.#failures > 0) {
      const waitMs = this.#failedAtMs + backoffDelay(this.#failures, backoff) - systemClock.monotonic();
      if (waitMs > 0) await systemClock.sleep(waitMs, { signal: closing });
    }
    try {
      const signal = AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]);
      const connection = await this.#establish(signal);
      this.#failures = 0;
      return connection;
    } catch (error) {
      this.#failures++;
      this.#failedAtMs = systemClock.monotonic();
      if (closing.aborted) throw new CodedError("CLOSED", `the channel to ${formatTarget(this.#target)} is closed`);
      if (isCodedError(error, "UNAUTHENTICATED")) throw error;
      throw new CodedError("UNAVAILABLE", messageOf(error), { cause: error });
    }
  }

  async #establish(signal: AbortSignal): Promise<Connection> {
    const socket = await connectSocket(this.#target, { signal });
    const { pipe, peer } = await openTransport(socket, "client", {
      ...this.#options,
      target: this.#target,
      signal,
    });
    const ready = new Deferred<void>();
    const gone = new Deferred<void>();
    let connection: Connection | undefined;
    const retire = (): void => {
      if (connection) this.retire(connection);
    };
    const wire = new Http2Client(pipe, {
      onReady: () => ready.resolve(),
      onDraining: retire,
      onClose: (cause) => {
        retire();
        ready.reject(new CodedError("UNAVAILABLE", `${peer.address} broke the connection`, { cause }));
        gone.resolve();
        (this.#options.logger ?? silentLogger).debug("connection closed", { address: peer.address, error: cause });
      },
    });
    connection = { wire, peer };
    wire.start();
    const entry = { connection, gone: gone.promise };
    this.#open.add(entry);
    void gone.promise.then(() => this.#open.delete(entry));
    try {
      await abortable(ready.promise, signal, `the HTTP/2 handshake with ${peer.address}`);
    } catch (error) {
      wire.destroy();
      throw error;
    }
    this.#current = connection;
    this.#renewInTime(connection, retire, gone.promise);
    return connection;
  }

  /**
   * A connection is only as good as its certificates: tokens end with them. At half of what is left of the earlier one, and
   * when our identity rotates, calls move on to a new connection; the old one goes when its last call has ended.
   */
  #renewInTime(connection: Connection, retire: () => void, gone: Promise<void>): void {
    const { tls } = this.#options.identity;
    const { certificate, localCertificate } = connection.peer;
    if (!tls || !certificate || !localCertificate) return;
    const renew = (): void => {
      retire();
      connection.wire.drain();
    };
    const endMs = Math.min(
      ...[certificate, localCertificate].map((der) => new X509Certificate(der).validToDate.getTime()),
    );
    const leftMs = Math.max(shortestUseMs, (endMs - systemClock.now()) / 2);
    const timer = systemClock.after(leftMs, renew);
    const stop = tls.onRotated(renew);
    void gone.then(() => {
      timer.cancel();
      stop();
    });
  }

  /** Takes no more calls, lets the running ones finish for a while. */
  async close(): Promise<void> {
    this.#closing.abort(new CodedError("CLOSED", "the channel is closed"));
    await this.#attempt?.catch(() => {});
    this.#current = undefined;
    const open = [...this.#open];
    for (const { connection } of open) connection.wire.drain();
    const grace = setTimeout(() => {
      for (const { connection } of open) connection.wire.destroy();
    }, closeGraceMs);
    await Promise.all(open.map(({ gone }) => gone));
    clearTimeout(grace);
  }
}
