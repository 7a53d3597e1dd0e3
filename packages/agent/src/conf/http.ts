import { CodedError } from "@nsmkit/core";
import type { RestServerOptions } from "../rest/server.ts";
import type { Conf } from "./conf.ts";
import { readTls } from "./files.ts";

/** What http.conf says (cn-infra rpc/rest): everything of a REST server but its routes. */
export type HttpConf = Omit<RestServerOptions, "routes" | "logger" | "clock">;

/**
 * @param conf undefined: there is no such file, and the defaults hold
 * @param options.port HTTP_PORT, which wins over the file
 * @returns undefined when there is to be no server
 * @throws CodedError INVALID_CONFIG naming file, setting, value and remedy
 */
export async function readHttpConf(
  conf: Conf | undefined,
  options: { directory: string; port: number | undefined },
): Promise<HttpConf | undefined> {
  const { port, directory } = options;
  const everywhere = `0.0.0.0:${port ?? 9191}`;
  if (!conf) return { endpoint: everywhere };
  const endpoint = conf.text("endpoint") || everywhere;
  const disabled = [conf.flag("disable"), conf.flag("disabled")].includes(true);
  const names = { cert: "server-cert-file", key: "server-key-file", clientCas: "client-cert-files" };
  const tls = await readTls(conf, names, directory);
  const basicAuth = basicAuthOf(conf);
  const rateLimit = rateLimitOf(conf);
  const tokens = tokensOf(conf);
  const limits = limitsOf(conf);
  if (disabled && port === undefined) return undefined;
  return {
    endpoint: port === undefined ? endpoint : everywhere,
    ...(basicAuth.length > 0 ? { basicAuth } : {}),
    ...(tls ? { tls } : {}),
    ...(tokens ? { tokens } : {}),
    ...(rateLimit ? { rateLimit } : {}),
    ...(limits ? { limits } : {}),
  };
}

function basicAuthOf(conf: Conf): readonly string[] {
  const pairs = conf.texts("client-basic-auth") ?? [];
  if (pairs.every((pair) => /^[^:]+:.+$/s.test(pair))) return pairs;
  throw new CodedError("INVALID_CONFIG", `${conf.path}: an entry of "client-basic-auth" is no user:password pair`);
}

/** 0 is no limit for the original, which then waits for ever; here it is our own bound. */
function limitsOf(conf: Conf): RestServerOptions["limits"] {
  const readMs = conf.durationMs("read-timeout");
  const headerMs = conf.durationMs("read-header-timeout");
  const writeMs = conf.durationMs("write-timeout");
  const idleMs = conf.durationMs("idle-timeout");
  const headerBytes = conf.number("max-header-bytes");
  const limits = {
    ...(readMs ? { readMs } : {}),
    ...(headerMs ? { headerMs } : {}),
    ...(writeMs ? { writeMs } : {}),
    ...(idleMs || readMs ? { idleMs: idleMs || readMs } : {}),
    ...(headerBytes ? { headerBytes } : {}),
  } as NonNullable<RestServerOptions["limits"]>;
  return Object.keys(limits).length > 0 ? limits : undefined;
}

function rateLimitOf(conf: Conf): RestServerOptions["rateLimit"] {
  const part = conf.part("rate-limiter");
  if (!part) return undefined;
  const perSecond = part.decimal("limit") ?? 0;
  const burst = part.number("burst") ?? 0;
  if (burst < 1) throw part.wrong("burst", burst, "must be 1 or more, or nothing is answered");
  if (perSecond === 0) throw part.wrong("limit", perSecond, "must be above 0: requests per second");
  return { perSecond, burst };
}

function tokensOf(conf: Conf): RestServerOptions["tokens"] {
  const enabled = conf.flag("enable-token-auth") ?? false;
  const expirationMs = conf.durationMs("token-expiration");
  const key = conf.text("sign-key") || conf.text("token-signature") || undefined;
  // Of use to who makes hashes, which this agent does not.
  conf.accept("password-hash-cost");
  if (!enabled) {
    conf.accept("users", "sign-key", "token-signature");
    return undefined;
  }
  const users = (conf.parts("users") ?? []).map((user) => {
    const name = user.text("name") ?? "";
    const passwordHash = user.text("password_hash") ?? "";
    if (name === "") throw user.wrong("name", name, "must be the user's name");
    if (!/^\$[0-9a-z]+\$/.test(passwordHash))
      throw user.wrong("password_hash", passwordHash, "must be a hash as crypt(3) makes it, such as $2b$10$...");
    return { name, passwordHash, permissions: user.texts("permissions") ?? [] };
  });
  if (users.length === 0)
    throw new CodedError(
      "INVALID_CONFIG",
      `${conf.path}: "enable-token-auth" is true without "users"; list who may log in (there is no built-in admin)`,
    );
  return { users, ...(expirationMs ? { expirationMs } : {}), ...(key ? { key } : {}) };
}
