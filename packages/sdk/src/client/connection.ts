import { equals } from "@bufbuild/protobuf";
import { type Connection, ConnectionContextSchema } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { parameter } from "../networkservice/common/mechanisms/types.ts";
import { cloneConnection } from "../networkservice/core/connection.ts";
import type { ClientConnection, ConnectionEvents } from "./api.ts";

type Listeners = { [E in keyof ConnectionEvents]?: Set<(details: ConnectionEvents[E]) => void> };

/** What the client does for one connection. */
export interface Line {
  request(connection: Connection, options: { readonly signal?: AbortSignal | undefined }): Promise<Connection>;
  close(connection: Connection): Promise<void>;
}

export class OpenConnection implements ClientConnection {
  readonly id: string;
  readonly #line: Line;
  readonly #listeners: Listeners = {};
  #state: "up" | "down" | "closed" = "up";
  #connection: Connection;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, line: Line) {
    this.id = connection.id;
    this.#connection = connection;
    this.#line = line;
  }

  get state(): "up" | "down" | "closed" {
    return this.#state;
  }

  get connection(): Connection {
    return cloneConnection(this.#connection);
  }

  get interfaceName(): string | undefined {
    return this.#connection.mechanism?.parameters[parameter.interfaceName];
  }

  get addresses(): readonly string[] {
    return this.#connection.context?.ipContext?.srcIpAddrs ?? [];
  }

  get peerAddresses(): readonly string[] {
    return this.#connection.context?.ipContext?.dstIpAddrs ?? [];
  }

  on<E extends keyof ConnectionEvents>(event: E, listener: (details: ConnectionEvents[E]) => void): Disposable {
    const listeners: Set<(details: ConnectionEvents[E]) => void> = this.#listeners[event] ?? new Set();
    (this.#listeners as Record<E, typeof listeners>)[event] = listeners;
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  async refresh(
    options: { readonly labels?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if (this.#closing) throw new CodedError("CLOSED", `connection "${this.id}" was closed`);
    const asked = this.connection;
    asked.labels = { ...asked.labels, ...options.labels };
    await this.#line.request(asked, { signal: options.signal });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The chain has a new reply. */
  replied(connection: Connection): void {
    const before = this.#connection.context;
    const { context } = connection;
    this.#connection = cloneConnection(connection);
    const same = before && context ? equals(ConnectionContextSchema, before, context) : before === context;
    if (!same) this.#tell("changed", { connection: this.connection });
  }

  down(reason: string): void {
    if (this.#state !== "up") return;
    this.#state = "down";
    this.#tell("down", { reason });
  }

  healed(): void {
    if (this.#state !== "down") return;
    this.#state = "up";
    this.#tell("healed", { connection: this.connection });
  }

  async #close(): Promise<void> {
    await this.#line.close(this.connection);
    this.#state = "closed";
    this.#tell("closed", {});
  }

  #tell<E extends keyof ConnectionEvents>(event: E, details: ConnectionEvents[E]): void {
    const listeners: Iterable<(details: ConnectionEvents[E]) => void> = this.#listeners[event] ?? [];
    for (const listener of [...listeners]) listener(details);
  }
}
