import { CodedError } from "@nsmkit/core";
import type { Metadata } from "../../../transport/api.ts";

/** gRPC metadata keys of networkservicemesh/sdk pkg/tools/token; both exactly once in every call. */
export const tokenKey = "nsm-client-token";
export const tokenExpiresKey = "nsm-client-token-expires";

export interface Token {
  readonly token: string;
  readonly expiresMs: number;
}

export function writeToken({ token, expiresMs }: Token): readonly (readonly [string, readonly string[]])[] {
  return [
    [tokenKey, [token]],
    [tokenExpiresKey, [new Date(expiresMs).toISOString()]],
  ];
}

/**
 * The caller's token.
 * @returns undefined if the call carries neither key
 * @throws PROTOCOL if a key is missing, doubled or no RFC 3339 time
 */
export function readToken(metadata: Metadata): Token | undefined {
  const tokens = metadata.get(tokenKey) ?? [];
  const times = metadata.get(tokenExpiresKey) ?? [];
  if (tokens.length === 0 && times.length === 0) return undefined;
  const [token] = tokens;
  const [expires] = times;
  if (token === undefined || expires === undefined || tokens.length > 1 || times.length > 1)
    throw new CodedError("PROTOCOL", `"${tokenKey}" and "${tokenExpiresKey}" must each occur once in the metadata`);
  return { token, expiresMs: parseTime(expires) };
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** Date.parse reads at most ms and drops the rest, which errs on the short side. */
function parseTime(text: string): number {
  const ms = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new CodedError("PROTOCOL", `"${tokenExpiresKey}" is not an RFC 3339 time`);
  return ms;
}
