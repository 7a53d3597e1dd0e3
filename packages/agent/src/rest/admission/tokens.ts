import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Clock, CodedError } from "@nsmkit/core";
import { permissionGroups, type Route } from "../route.ts";
import { isPassword } from "./crypt.ts";
import { readToken, signToken } from "./token.ts";

export interface User {
  readonly name: string;
  /** Of crypt(3). */
  readonly passwordHash: string;
  /** Names of permission groups; "admin" may do everything. */
  readonly permissions: readonly string[];
}

export interface TokenOptions {
  readonly users: readonly User[];
  /** Default one hour. */
  readonly expirationMs?: number;
  /** Signs tokens; default one of this process's own, so that a restart logs everybody out. */
  readonly key?: string;
}

/** Checked at the same time; each takes a thread of libuv's pool, which files need too. */
const maxChecks = 2;

const cookieName = "ligato-rest-auth";
const issuer = "nsmkit";

/** Users who log in for a token (cn-infra rpc/rest/security); the paths below /auth are those of the original. */
export class Tokens {
  readonly #users: ReadonlyMap<string, User>;
  readonly #key: string;
  readonly #lifeMs: number;
  readonly #clock: Clock;
  readonly #secureCookie: boolean;
  /** When somebody logged out, ms: older tokens count no more. */
  readonly #loggedOut = new Map<string, number>();
  #checking = 0;

  /** @throws CodedError INVALID_CONFIG for users that could never log in or do anything */
  static async open(options: TokenOptions, clock: Clock, secure: boolean): Promise<Tokens> {
    const names = new Set<string>();
    for (const { name, passwordHash, permissions } of options.users) {
      if (names.has(name)) throw wrong(`user ${JSON.stringify(name)} occurs twice; keep one`);
      names.add(name);
      const known: readonly string[] = ["admin", ...permissionGroups];
      const unknown = permissions.find((group) => !known.includes(group));
      if (unknown !== undefined)
        throw wrong(
          `user ${JSON.stringify(name)} has the permission ${JSON.stringify(unknown)}; there are ${known.join(", ")}`,
        );
      await isPassword("", passwordHash);
    }
    return new Tokens(options, clock, secure);
  }

  private constructor({ users, expirationMs, key }: TokenOptions, clock: Clock, secure: boolean) {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#lifeMs = expirationMs ?? 3_600_000;
    this.#key = key ?? randomBytes(32).toString("hex");
    this.#clock = clock;
    this.#secureCookie = secure;
  }

  /** Who asks. @throws CodedError UNAUTHENTICATED */
  userOf(request: IncomingMessage): string {
    const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const cookie = new RegExp(`(?:^|;\\s*)${cookieName}=([^;\\s]+)`).exec(request.headers.cookie ?? "")?.[1];
    const token = bearer ?? cookie;
    if (token === undefined)
      throw new CodedError("UNAUTHENTICATED", "a token is needed; POST username and password to /auth/login for one");
    const claims = readToken(token, this.#key, this.#clock.now());
    const user = claims && this.#users.get(claims.aud);
    if (!claims || !user || claims.iat * 1000 < (this.#loggedOut.get(user.name) ?? 0))
      throw new CodedError("UNAUTHENTICATED", "the token is not valid any more; POST to /auth/login for a new one");
    return user.name;
  }

  /** @throws CodedError PERMISSION_DENIED */
  permit(name: string, { group, method, path }: Route): void {
    const permissions = this.#users.get(name)?.permissions ?? [];
    if (permissions.includes("admin") || (group !== undefined && permissions.includes(group))) return;
    const needed = group === undefined ? "admin" : `${group} or admin`;
    throw new CodedError(
      "PERMISSION_DENIED",
      `user ${name} may not ${method} ${path}; it needs the permission ${needed}`,
    );
  }

  /** The paths with which users come and go. */
  routes(): Route[] {
    return [
      { method: "GET", path: "/auth/login", text: "a form to log in", open: true, handle: () => form },
      {
        method: "POST",
        path: "/auth/login",
        text: "a token for {username, password} (JSON), for the header Authorization: Bearer",
        open: true,
        handle: async (request) => ({ body: await this.#login(credentials(await request.text())) }),
      },
      {
        method: "POST",
        path: "/auth/authenticate",
        text: "as login, for a form: the token comes as a cookie",
        open: true,
        handle: async (request) => {
          const fields = new URLSearchParams(await request.text());
          const token = await this.#login({
            username: fields.get("username") ?? "",
            password: fields.get("password") ?? "",
          });
          const cookie = `${cookieName}=${token}; Path=/; Max-Age=${Math.floor(this.#lifeMs / 1000)}; HttpOnly; SameSite=Strict${this.#secureCookie ? "; Secure" : ""}`;
          return { status: 303, headers: { location: "/", "set-cookie": cookie }, body: "" };
        },
      },
      {
        method: "POST",
        path: "/auth/logout",
        text: "makes the tokens of {username, password} (JSON) worthless",
        open: true,
        handle: async (request) => {
          const given = credentials(await request.text());
          await this.#check(given);
          this.#loggedOut.set(given.username, Math.ceil(this.#clock.now() / 1000) * 1000);
          return { body: "" };
        },
      },
    ];
  }

  async #login(given: Credentials): Promise<string> {
    await this.#check(given);
    // Tokens of the second in which somebody logged out are worthless too, so a new one is of the next.
    const iat = Math.max(Math.floor(this.#clock.now() / 1000), (this.#loggedOut.get(given.username) ?? 0) / 1000);
    const exp = Math.ceil((this.#clock.now() + this.#lifeMs) / 1000);
    return signToken({ aud: given.username, iss: issuer, iat, exp }, this.#key);
  }

  /** @throws CodedError UNAUTHENTICATED, and RESOURCE_EXHAUSTED while others are being checked: a check is work on purpose */
  async #check(given: Credentials): Promise<void> {
    if (this.#checking >= maxChecks)
      throw new CodedError("RESOURCE_EXHAUSTED", "too many passwords are being checked; try again in a second", {
        details: { retryAfterMs: 1000 },
      });
    this.#checking++;
    try {
      await this.#checkPassword(given);
    } finally {
      this.#checking--;
    }
  }

  async #checkPassword({ username, password }: Credentials): Promise<void> {
    const user = this.#users.get(username) ?? [...this.#users.values()][0];
    // A name that does not exist takes as long as one that does.
    const right = user !== undefined && (await isPassword(password, user.passwordHash));
    if (!right || !this.#users.has(username)) throw new CodedError("UNAUTHENTICATED", "wrong user name or password");
  }
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

function credentials(text: string): Credentials {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new CodedError("INVALID_ARGUMENT", "the body is no JSON; write {username, password}", { cause });
  }
  const { username, password } = (given ?? {}) as Record<string, unknown>;
  if (typeof username === "string" && typeof password === "string") return { username, password };
  throw new CodedError("INVALID_ARGUMENT", "the body has no username and password; write both as text");
}

const form = {
  type: "text/html; charset=utf-8",
  body: `<!doctype html>
<html lang="en"><head><title>Log in</title></head>
<body><form method="post" action="authenticate">
<p><label>User <input name="username"></label></p>
<p><label>Password <input name="password" type="password"></label></p>
<p><button>Log in</button></p>
</form></body></html>
`,
};

function wrong(text: string): CodedError {
  return new CodedError("INVALID_CONFIG", `http.conf: users: ${text}`);
}
