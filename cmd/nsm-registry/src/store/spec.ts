/** Entries as the `spec` of networkservicemesh.io/v1 objects: the Go structs of upstream's messages by their JSON tags. */
import { create, type DescMessage, fromJson, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointSchema,
  NetworkServiceSchema,
} from "@nsmkit/api/registry";
import { CodedError, messageOf } from "@nsmkit/core";
import { isMap, type JsonMap } from "./json.ts";

/** Both times have no JSON form of their own in Go: they are structs of two numbers. */
const times = { expiration_time: "expirationTime", initial_registration_time: "initialRegistrationTime" } as const;

/** @throws INVALID_CONFIG naming the field; an empty name is left to the reader of the object */
export function readEndpoint(spec: unknown): NetworkServiceEndpoint {
  const { expiration_time, expirationTime, initial_registration_time, initialRegistrationTime, ...rest } = mapOf(spec);
  const entry = parse(NetworkServiceEndpointSchema, rest);
  const end = readTime("expiration_time", expiration_time ?? expirationTime);
  const first = readTime("initial_registration_time", initial_registration_time ?? initialRegistrationTime);
  if (end) entry.expirationTime = end;
  if (first) entry.initialRegistrationTime = first;
  return entry;
}

export function writeEndpoint(entry: NetworkServiceEndpoint): JsonMap {
  const { expirationTime: _end, initialRegistrationTime: _first, ...rest } = entry;
  const spec: Record<string, unknown> = { ...plain(NetworkServiceEndpointSchema, rest) };
  for (const [name, field] of Object.entries(times)) {
    const time = entry[field];
    if (time) spec[name] = writeTime(time);
  }
  return spec;
}

/** Reads v0.2's spelling too: `route` in a match, and camelCase. A cluster that was upgraded still holds such objects. */
export function readService(spec: unknown): NetworkService {
  const map = mapOf(spec);
  const { matches, ...rest } = map;
  if (!Array.isArray(matches)) return parse(NetworkServiceSchema, map);
  const now = matches.map((match: unknown) => {
    if (!isMap(match) || !("route" in match)) return match;
    const { route, ...others } = match;
    return { routes: route, ...others };
  });
  return parse(NetworkServiceSchema, { ...rest, matches: now });
}

export const writeService = (entry: NetworkService): JsonMap => plain(NetworkServiceSchema, entry);

const plain = (schema: DescMessage, entry: NetworkService | NetworkServiceEndpoint): JsonMap =>
  toJson(schema, entry, { useProtoFieldName: true }) as JsonMap;

function mapOf(spec: unknown): JsonMap {
  if (isMap(spec)) return spec;
  if (spec === undefined || spec === null) return {};
  throw new CodedError("INVALID_CONFIG", "spec is no object");
}

/** Unknown fields are left alone: a newer release may have written them. */
function parse<S extends DescMessage>(schema: S, json: JsonMap): MessageShape<S> {
  try {
    return fromJson(schema, withoutNulls(json) as JsonValue, { ignoreUnknownFields: true });
  } catch (cause) {
    throw new CodedError("INVALID_CONFIG", `spec: ${messageOf(cause)}`, { cause });
  }
}

/** YAML's keys without a value are null, which Go's decoder takes as unset, in lists and maps too. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}

function readTime(field: string, value: unknown): Timestamp | undefined {
  if (value === undefined || value === null) return undefined;
  const { seconds = 0, nanos = 0 } = isMap(value) ? value : {};
  // Go writes numbers; a proto3 JSON writer would have put 64 bits in quotes.
  const whole = typeof seconds === "string" && /^-?\d{1,15}$/.test(seconds) ? Number(seconds) : seconds;
  if (isMap(value) && Number.isSafeInteger(whole) && Number.isInteger(nanos))
    return create(TimestampSchema, { seconds: BigInt(whole as number), nanos: nanos as number });
  throw new CodedError("INVALID_CONFIG", `spec.${field} is not {seconds, nanos}: ${JSON.stringify(value)}`);
}

function writeTime({ seconds, nanos }: Timestamp): JsonMap {
  return { ...(seconds !== 0n && { seconds: Number(seconds) }), ...(nanos !== 0 && { nanos }) };
}
