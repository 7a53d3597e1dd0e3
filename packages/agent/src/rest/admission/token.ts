import { createHmac, timingSafeEqual } from "node:crypto";

/** What a token says (RFC 7519); times in s. */
export interface Claims {
  readonly aud: string;
  readonly iss: string;
  readonly iat: number;
  readonly exp: number;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const header = encode({ alg: "HS256", typ: "JWT" });
const signature = (text: string, key: string): Buffer => createHmac("sha256", key).update(text).digest();

/** A JSON Web Token signed with HMAC-SHA256 (RFC 7515). */
export function signToken(claims: Claims, key: string): string {
  const text = `${header}.${encode(claims)}`;
  return `${text}.${signature(text, key).toString("base64url")}`;
}

/** The claims of a token that we signed and that has not expired; undefined for any other. */
export function readToken(token: string, key: string, nowMs: number): Claims | undefined {
  const [head, body, mark, more] = token.split(".");
  // Our own header and no other: nobody chooses the algorithm for us.
  if (head !== header || body === undefined || mark === undefined || more !== undefined) return undefined;
  const [given, made] = [Buffer.from(mark, "base64url"), signature(`${head}.${body}`, key)];
  if (given.length !== made.length || !timingSafeEqual(given, made)) return undefined;
  const claims: unknown = JSON.parse(Buffer.from(body, "base64url").toString());
  return isClaims(claims) && claims.exp * 1000 > nowMs ? claims : undefined;
}

function isClaims(value: unknown): value is Claims {
  if (typeof value !== "object" || value === null) return false;
  const { aud, iat, exp } = value as Record<string, unknown>;
  return typeof aud === "string" && typeof iat === "number" && typeof exp === "number";
}
