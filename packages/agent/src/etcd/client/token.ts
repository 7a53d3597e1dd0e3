import { create } from "@bufbuild/protobuf";
import { Auth, AuthenticateRequestSchema } from "@nsmkit/api/etcd";
import { isCodedError } from "@nsmkit/core";
import type { Channel, Metadata } from "@nsmkit/sdk/transport";
import { isAnswer, translate } from "./refusal.ts";

/** The token that goes with each request of a user. Asked for when it is first needed, and again when it is refused. */
export class Token {
  readonly #user: string;
  readonly #password: string;
  #current: Promise<Metadata> | undefined;

  constructor(user: string, password: string) {
    this.#user = user;
    this.#password = password;
  }

  /** @throws UNAUTHENTICATED; UNAVAILABLE when this server does not answer */
  metadata(channel: Channel, options: { signal: AbortSignal; timeoutMs: number }): Promise<Metadata> {
    this.#current ??= this.#ask(channel, options).catch((error: unknown) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  /** The server does not take it any more. */
  forget(): void {
    this.#current = undefined;
  }

  async #ask(channel: Channel, options: { signal: AbortSignal; timeoutMs: number }): Promise<Metadata> {
    const request = create(AuthenticateRequestSchema, { name: this.#user, password: this.#password });
    try {
      const { message } = await channel.unary(Auth.method.authenticate, request, options);
      return new Map([["token", [message.token]]]);
    } catch (error) {
      // A server without users takes everyone, as etcd's own client has it.
      if (isAnswer(error) && /authentication is not enabled/.test(error.message)) return new Map();
      throw isCodedError(error) ? translate(error) : error;
    }
  }
}
