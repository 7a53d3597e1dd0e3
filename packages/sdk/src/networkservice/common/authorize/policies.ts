import type { PathSegment } from "@nsmkit/api/networkservice";
import { CodedError } from "@nsmkit/core";
import { claimsOf, isSignedBy } from "./token.ts";

/** What a policy judges: the segments it may see, the index of our own, the other side's TLS leaf, the time. */
export interface PolicyInput {
  readonly segments: readonly PathSegment[];
  readonly index: number;
  /** DER. */
  readonly certificate: Uint8Array | undefined;
  readonly nowMs: number;
}

export interface Policy {
  readonly name: string;
  allows(input: PolicyInput): boolean;
}

/** Every segment's token is a JWT. */
export const tokensValid: Policy = {
  name: "tokens_valid",
  allows: ({ segments }) => segments.every(({ token }) => claimsOf(token) !== undefined),
};

/** No token is past its time. */
export const tokensExpired: Policy = {
  name: "tokens_expired",
  allows: ({ segments, nowMs }) =>
    segments.every(({ token }) => nowMs < (claimsOf(token)?.expiresMs ?? Number.NEGATIVE_INFINITY)),
};

/** Each token was made for the one who made the next. */
export const tokensChained: Policy = {
  name: "tokens_chained",
  allows: ({ segments }) =>
    segments.slice(1).every(({ token }, at) => {
      const maker = claimsOf(token)?.spiffeId;
      return maker !== undefined && claimsOf(segments[at]?.token ?? "")?.audience.includes(maker) === true;
    }),
};

/** The caller's own key signed the caller's token. */
export const previousTokenSigned: Policy = {
  name: "prev_token_signed",
  allows: ({ segments, index, certificate }) => signed(segments[index - 1], certificate),
};

/** The server's own key signed the server's token. */
export const nextTokenSigned: Policy = {
  name: "next_token_signed",
  allows: ({ segments, index, certificate }) => signed(segments[index + 1], certificate),
};

const signed = (segment: PathSegment | undefined, certificate: Uint8Array | undefined): boolean =>
  segment !== undefined && certificate !== undefined && isSignedBy(segment.token, certificate);

/** Defaults of networkservicemesh/sdk pkg/networkservice/common/authorize. */
export const serverPolicies: readonly Policy[] = [tokensValid, tokensExpired, tokensChained, previousTokenSigned];
export const clientPolicies: readonly Policy[] = [tokensValid, tokensExpired, tokensChained, nextTokenSigned];

/** @throws PERMISSION_DENIED naming the first policy that does not allow it */
export function checkPolicies(policies: readonly Policy[], input: PolicyInput): void {
  const denying = policies.find((policy) => !policy.allows(input));
  if (denying)
    throw new CodedError(
      "PERMISSION_DENIED",
      `no sufficient privileges: policy ${denying.name} does not allow the path`,
    );
}
