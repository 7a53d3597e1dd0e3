import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, CodedError, isCodedError } from "@nsmkit/core";
import type { Route } from "../route.ts";
import { BasicUsers } from "./basic.ts";
import { type RateLimit, RateLimiter } from "./rate-limit.ts";
import { type TokenOptions, Tokens } from "./tokens.ts";

export interface AdmissionOptions {
  /** Accepted "user:password" pairs; none: everybody may. */
  readonly basicAuth?: readonly string[];
  /** Users who log in; wins over `basicAuth`, as in the original. */
  readonly tokens?: TokenOptions;
  /** For every user, or address where there are none. */
  readonly rateLimit?: RateLimit;
}

/** Decides which requests are answered at all. */
export class Admission {
  readonly #users: BasicUsers | Tokens | undefined;
  readonly #limiter: RateLimiter | undefined;

  static async open(options: AdmissionOptions, clock: Clock, secure: boolean): Promise<Admission> {
    const { tokens, basicAuth = [] } = options;
    const users = tokens
      ? await Tokens.open(tokens, clock, secure)
      : basicAuth.length > 0
        ? new BasicUsers(basicAuth)
        : undefined;
    return new Admission(users, options.rateLimit && new RateLimiter(options.rateLimit, clock));
  }

  private constructor(users: BasicUsers | Tokens | undefined, limiter: RateLimiter | undefined) {
    this.#users = users;
    this.#limiter = limiter;
  }

  /** Paths that admission itself answers. */
  routes(): Route[] {
    return this.#users instanceof Tokens ? this.#users.routes() : [];
  }

  /** What a client without identity is told to bring. */
  get challenge(): string {
    return this.#users instanceof Tokens ? 'Bearer realm="agent"' : 'Basic realm="agent"';
  }

  /**
   * @param route undefined for the list of routes, which every user may see
   * @throws CodedError UNAUTHENTICATED, PERMISSION_DENIED, and RESOURCE_EXHAUSTED with `details.retryAfterMs`
   */
  admit(request: IncomingMessage, response: ServerResponse, route: Route | undefined): void {
    refuseForeignPages(request);
    const address = request.socket.remoteAddress ?? "unix";
    let user: string | undefined;
    try {
      user = route?.open ? undefined : this.#users?.userOf(request);
    } catch (error) {
      // Who guesses is slowed down too.
      if (isCodedError(error, "UNAUTHENTICATED")) this.#count(response, address);
      throw error;
    }
    if (user !== undefined) response.setHeader("x-ligato-auth-username", encodeURIComponent(user));
    this.#count(response, user ?? address);
    if (user !== undefined && route && this.#users instanceof Tokens) this.#users.permit(user, route);
  }

  #count(response: ServerResponse, client: string): void {
    if (!this.#limiter) return;
    for (const [name, value] of Object.entries(this.#limiter.headers)) response.setHeader(name, value);
    const waitMs = this.#limiter.take(client);
    if (waitMs === 0) return;
    response.setHeader("x-ligato-ratelimiter-waitdelay", `${Math.ceil(waitMs)}ms`);
    throw new CodedError("RESOURCE_EXHAUSTED", "too many requests; wait as Retry-After says", {
      details: { retryAfterMs: waitMs },
    });
  }
}

/** A page of another site must not make a browser change this agent. */
function refuseForeignPages({ method, headers: { origin, host } }: IncomingMessage): void {
  if (method === "GET" || method === "HEAD" || origin === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new CodedError("PERMISSION_DENIED", `requests from pages of ${origin.slice(0, 100)} are not served`);
}
