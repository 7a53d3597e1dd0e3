import { clone, equals } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type NetworkServiceEndpoint, NetworkServiceEndpointSchema } from "@nsmkit/api/registry";

export interface LeaseOptions {
  readonly nowMs: number;
  /** Until when it may last at most: by the tokens, the settings and the wish of the endpoint. */
  readonly endMs: number;
  /** Whether what we know of the entry is what there is. */
  readonly isFresh: boolean;
}

const msOf = (time: Timestamp | undefined): number => (time ? timestampMs(time) : Number.POSITIVE_INFINITY);

/** Whether the registration that is there still lasts. */
export const lasts = (there: NetworkServiceEndpoint, nowMs: number): boolean => msOf(there.expirationTime) > nowMs;

/**
 * What a registration makes of the entry that is there; undefined if it may stay as it is.
 *
 * A renewal is only written when less than half of the time that it would give is left: then the object as it is grants
 * the caller enough, and every replica and every upstream registry reads the same end in it. It must be a renewal, one
 * of this registration and with nothing else new, for a registration after an end is another one.
 */
export function renewed(
  there: NetworkServiceEndpoint | undefined,
  asked: NetworkServiceEndpoint,
  { nowMs, endMs, isFresh }: LeaseOptions,
): NetworkServiceEndpoint | undefined {
  const before = there && lasts(there, nowMs) ? there : undefined;
  const entry = clone(NetworkServiceEndpointSchema, asked);
  entry.initialRegistrationTime =
    before?.initialRegistrationTime ?? sensible(asked.initialRegistrationTime) ?? timestampFromMs(Math.floor(nowMs));
  // What a caller wishes may be any number; an object with it would be one that nobody can read.
  entry.expirationTime = timestampFromMs(Math.max(0, Math.floor(endMs)));
  if (!before || !isFresh || !isRenewal(before, asked)) return entry;
  const leftMs = msOf(before.expirationTime);
  const enough = leftMs <= endMs && leftMs - nowMs >= (endMs - nowMs) / 2;
  if (!enough || !before.expirationTime) return entry;
  const unchanged = equals(NetworkServiceEndpointSchema, before, { ...entry, expirationTime: before.expirationTime });
  return unchanged ? undefined : entry;
}

/** Years 1970 to 9999, which is what the message's own definition allows from above. */
const sensible = (time: Timestamp | undefined): Timestamp | undefined =>
  time && time.seconds >= 0n && time.seconds < 253_402_300_800n && time.nanos >= 0 && time.nanos < 1e9
    ? time
    : undefined;

function isRenewal(before: NetworkServiceEndpoint, asked: NetworkServiceEndpoint): boolean {
  const [first, said] = [before.initialRegistrationTime, asked.initialRegistrationTime];
  return first !== undefined && said !== undefined && first.seconds === said.seconds && first.nanos === said.nanos;
}
