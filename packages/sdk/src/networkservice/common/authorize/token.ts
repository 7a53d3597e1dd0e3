import { type KeyObject, verify, X509Certificate } from "node:crypto";

/** What the policies read of a JWT. */
export interface Claims {
  readonly sub: string | undefined;
  /** Only an array counts, as upstream's policies have it. */
  readonly aud: readonly string[];
  /** Seconds since the epoch. */
  readonly exp: number | undefined;
}

interface Parsed {
  readonly alg: unknown;
  readonly claims: Claims;
}

const keptTokens = 10_000;
const parsed = new Map<string, Parsed | undefined>();

/** Header and claims of a JWT, whoever signed it; undefined for what is none. The same token comes with every refresh. */
export function parseToken(token: string): Parsed | undefined {
  if (parsed.has(token)) return parsed.get(token);
  const made = parse(token);
  if (parsed.size >= keptTokens) parsed.clear();
  parsed.set(token, made);
  return made;
}

function parse(token: string): Parsed | undefined {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]*$/.test(part))) return undefined;
  const header = jsonObject(parts[0] ?? "");
  const payload = jsonObject(parts[1] ?? "");
  if (!header || !payload) return undefined;
  const { sub, aud, exp } = payload;
  return {
    alg: header.alg,
    claims: {
      sub: typeof sub === "string" ? sub : undefined,
      aud: Array.isArray(aud) ? aud.filter((each) => typeof each === "string") : [],
      exp: typeof exp === "number" ? exp : undefined,
    },
  };
}

function jsonObject(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const keys = new WeakMap<Uint8Array, KeyObject>();
const verified = new WeakMap<Uint8Array, Set<string>>();

/** True if the token is signed ES256 (RFC 7518 section 3.4) with the key of this certificate. Successes are kept per certificate. */
export function isSignedBy(token: string, certificate: Uint8Array): boolean {
  const good = verified.get(certificate) ?? new Set<string>();
  verified.set(certificate, good);
  if (good.has(token)) return true;
  if (parseToken(token)?.alg !== "ES256") return false;
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  const signed = Buffer.from(token.slice(0, end));
  try {
    const key = keys.get(certificate) ?? new X509Certificate(certificate).publicKey;
    keys.set(certificate, key);
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return false;
    if (!verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, signature)) return false;
  } catch {
    return false;
  }
  if (good.size >= keptTokens) good.clear();
  good.add(token);
  return true;
}
