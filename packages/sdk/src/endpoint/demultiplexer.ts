import type { Connection } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import type { ServerChain } from "../networkservice/chains/server.ts";
import { connectionOf } from "../networkservice/core/connection.ts";
import type { NetworkServiceHandler } from "../networkservice/core/kind.ts";

/** Gives each call to the chain of the endpoint that its connection names. */
export class Demultiplexer implements NetworkServiceHandler {
  readonly #chains = new Map<string, ServerChain>();

  get size(): number {
    return this.#chains.size;
  }

  has(name: string): boolean {
    return this.#chains.has(name);
  }

  add(name: string, chain: ServerChain): void {
    this.#chains.set(name, chain);
  }

  delete(name: string): void {
    this.#chains.delete(name);
  }

  request: NetworkServiceHandler["request"] = async (ctx, request) =>
    this.#chainFor(connectionOf(request)).handler.request(ctx, request);

  close: NetworkServiceHandler["close"] = async (ctx, connection) =>
    this.#chainFor(connection).handler.close(ctx, connection);

  find: NetworkServiceHandler["find"] = async function* () {};

  /** A caller that names nobody means the only one there is. */
  #chainFor({ networkServiceEndpointName: name }: Connection): ServerChain {
    const [only] = this.#chains.size === 1 && name === "" ? this.#chains.values() : [];
    const chain = only ?? this.#chains.get(name);
    if (chain) return chain;
    const served = [...this.#chains.keys()].join(", ") || "none";
    throw new CodedError("NOT_FOUND", `no endpoint ${JSON.stringify(name)} is served here; there are: ${served}`);
  }
}
