import { type KeyObject, sign, verify, X509Certificate } from "node:crypto";
import { CodedError } from "@nsmkit/core";

/** What a path token says; nothing of it is to be believed before `verifyToken`. */
export interface TokenClaims {
  /** `sub`: who made it. */
  readonly spiffeId: string;
  /** `aud`: for whom. */
  readonly audience: readonly string[];
  /** `exp`, wall-clock ms. */
  readonly expiresMs: number;
  /** Header `alg`: ES256, or "none" in insecure mode. */
  readonly algorithm: string;
}

/** A path carries one token a hop in every message: larger ones are no tokens of a mesh. */
const longestToken = 8192;
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Makes an ES256 token (RFC 7515, RFC 7518 section 3.4); `exp` is rounded down to seconds. */
export function signToken(
  claims: { spiffeId: string; audience: readonly string[]; expiresMs: number },
  key: KeyObject,
): string {
  const text = unsigned("ES256", claims);
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** Makes a token without a signature, RFC 7519 section 6. */
export function plainToken(claims: { spiffeId: string; audience: readonly string[]; expiresMs: number }): string {
  return `${unsigned("none", claims)}.`;
}

function unsigned(alg: string, claims: { spiffeId: string; audience: readonly string[]; expiresMs: number }): string {
  // Upstream's policies look for members of aud: it must be an array, also for one audience.
  const body = { sub: claims.spiffeId, aud: claims.audience, exp: Math.floor(claims.expiresMs / 1000) };
  return `${encode({ alg, typ: "JWT" })}.${encode(body)}`;
}

/**
 * Reads a token without checking its signature.
 * @throws INVALID_ARGUMENT for what is no token of a path: three parts, `sub`, `exp`, and `aud` as an array if at all
 */
export function parseToken(token: string): TokenClaims {
  if (token.length > longestToken) throw malformed(`it has ${token.length} characters`);
  const parts = token.split(".");
  if (parts.length !== 3) throw malformed("it does not have three parts");
  const header = decode(parts[0] as string, "header");
  const body = decode(parts[1] as string, "claims");
  const { alg } = header;
  const { sub, aud = [], exp } = body;
  if (typeof alg !== "string") throw malformed("alg is no string");
  if (typeof sub !== "string" || sub === "") throw malformed("sub is missing");
  if (typeof exp !== "number" || !Number.isFinite(exp)) throw malformed("exp is no number");
  if (!Array.isArray(aud) || !aud.every((one) => typeof one === "string"))
    throw malformed("aud is no array of strings");
  return { spiffeId: sub, audience: aud, expiresMs: exp * 1000, algorithm: alg };
}

/**
 * Checks that the owner of a certificate signed the token. Time and audience are the caller's to check.
 * @param certificate DER of the leaf of a TLS connection
 * @throws INVALID_ARGUMENT for what is no token; UNAUTHENTICATED for a wrong algorithm, key or signature
 */
export function verifyToken(token: string, certificate: Uint8Array): TokenClaims {
  const claims = parseToken(token);
  if (claims.algorithm !== "ES256") {
    throw new CodedError(
      "UNAUTHENTICATED",
      `token of ${claims.spiffeId}: algorithm ${claims.algorithm} instead of ES256`,
    );
  }
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  const key = publicKeyOf(certificate);
  if (!verify("sha256", Buffer.from(token.slice(0, end)), { key, dsaEncoding: "ieee-p1363" }, signature)) {
    throw new CodedError(
      "UNAUTHENTICATED",
      `token of ${claims.spiffeId}: its signature is not by the peer's certificate`,
    );
  }
  return claims;
}

/** Parsing a certificate costs as much as a signature; connections keep theirs for long. */
const keys = new WeakMap<Uint8Array, KeyObject>();

function publicKeyOf(certificate: Uint8Array): KeyObject {
  let key = keys.get(certificate);
  if (!key) {
    try {
      key = new X509Certificate(certificate).publicKey;
    } catch (cause) {
      throw new CodedError("INVALID_ARGUMENT", "the certificate to check a token by does not parse", { cause });
    }
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
      throw new CodedError("UNAUTHENTICATED", "the certificate to check a token by has no EC P-256 key");
    }
    keys.set(certificate, key);
  }
  return key;
}

function decode(part: string, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw malformed(`its ${what} is no JSON`, cause);
  }
  throw malformed(`its ${what} is no JSON object`);
}

function malformed(why: string, cause?: unknown): CodedError {
  return new CodedError("INVALID_ARGUMENT", `not a path token: ${why}`, cause === undefined ? {} : { cause });
}
