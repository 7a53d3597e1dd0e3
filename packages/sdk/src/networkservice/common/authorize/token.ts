import { isCodedError } from "@nsmkit/core";
import { parseToken as readClaims, type TokenClaims, verifyToken } from "../../../identity/token.ts";

/** Entries that a cache keeps: the same tokens come with every refresh, until they are made anew. */
const mostKept = 10_000;

const parsed = new Map<string, TokenClaims | undefined>();

/** What a token says, whoever signed it; undefined for what is no token. */
export function claimsOf(token: string): TokenClaims | undefined {
  if (parsed.has(token)) return parsed.get(token);
  if (parsed.size >= mostKept) parsed.clear();
  const claims = unlessCoded(() => readClaims(token));
  parsed.set(token, claims);
  return claims;
}

/**
 * The subject of a token, for registrations, whose paths list subjects and want nothing else of a token.
 * @returns undefined for what is no JWT (RFC 7519); `sub` is undefined if it has none
 */
export function parseToken(token: string): { readonly claims: { readonly sub: string | undefined } } | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const payload: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString());
    if (typeof payload !== "object" || payload === null) return undefined;
    const sub = "sub" in payload && typeof payload.sub === "string" ? payload.sub : undefined;
    return { claims: { sub } };
  } catch {
    return undefined;
  }
}

const verified = new WeakMap<Uint8Array, Set<string>>();

/** True if the owner of the certificate (DER) signed the token. Only successes are kept. */
export function isSignedBy(token: string, certificate: Uint8Array): boolean {
  const good = verified.get(certificate) ?? new Set<string>();
  verified.set(certificate, good);
  if (good.has(token)) return true;
  if (!unlessCoded(() => verifyToken(token, certificate))) return false;
  if (good.size >= mostKept) good.clear();
  good.add(token);
  return true;
}

function unlessCoded<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (isCodedError(error)) return undefined;
    throw error;
  }
}
