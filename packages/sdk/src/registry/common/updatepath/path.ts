import { CodedError } from "@nsmkit/core";
import { key } from "../../../chain/index.ts";
import { parseToken } from "../../../networkservice/common/authorize/token.ts";

/** gRPC metadata key of a registration's path, in the request and in the response header. */
export const pathHeader = "path";

/** Longer than any chain of registries; a caller that sends more means harm. */
const longestPath = 64;

/**
 * The hops of a registration, which travel beside the message. Changed in place along the chain.
 * Shape on the wire: networkservicemesh/sdk pkg/registry/common/grpcmetadata.
 */
export interface RegistryPath {
  /** The segment of the hop that holds the path now. */
  index: number;
  tokens: string[];
}

export const pathKey = key<RegistryPath>("registry path");

export function emptyPath(): RegistryPath {
  return { index: 0, tokens: [] };
}

/** @throws INVALID_ARGUMENT for anything but `{"Index":n,"PathSegments":[{"token":"..."}]}` */
export function parsePath(text: string): RegistryPath {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError("INVALID_ARGUMENT", `metadata "${pathHeader}" is no JSON`, { cause });
  }
  if (!isRecord(value)) throw wrong("is no object");
  const index = value.Index ?? 0;
  const segments = value.PathSegments ?? [];
  if (!Array.isArray(segments) || segments.length > longestPath)
    throw wrong(`PathSegments is no list of at most ${longestPath}`);
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= Math.max(1, segments.length))
    throw wrong(`Index ${JSON.stringify(index)} points behind its ${segments.length} segments`);
  return { index, tokens: segments.map(tokenOf) };
}

/** Go writes an unset token as "" and, for a nil segment, null. */
function tokenOf(segment: unknown): string {
  const token = isRecord(segment) ? (segment.token ?? "") : undefined;
  if (typeof token !== "string" || !/^[\x21-\x7e]*$/.test(token)) throw wrong("has a segment without a token text");
  return token;
}

export function formatPath(path: RegistryPath): string {
  return JSON.stringify({ Index: path.index, PathSegments: path.tokens.map((token) => ({ token })) });
}

/**
 * Steps onto our segment: the caller's token replaces what its segment held, ours follows.
 * @returns the index to give back in the reply
 */
export function enterPath(path: RegistryPath, callerToken: string, ownToken: string): number {
  const caller = path.tokens.length === 0 ? 0 : path.index;
  path.tokens[caller] = callerToken;
  path.tokens[caller + 1] = ownToken;
  path.index = caller + 1;
  return caller;
}

/** The `sub` of a JWT, unverified; "" if it has none. */
export const subjectOf = (token: string): string => parseToken(token)?.claims.sub ?? "";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const wrong = (problem: string): CodedError =>
  new CodedError("INVALID_ARGUMENT", `metadata "${pathHeader}" ${problem}`);
