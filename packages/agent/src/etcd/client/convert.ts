import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type CompareSchema,
  RangeRequestSchema,
  type RequestOpSchema,
  type ResponseHeader,
  type ResponseOp,
  type KeyValue as WireKeyValue,
} from "@nsmkit/api/etcd";
import { CodedError } from "@nsmkit/core";
import type { Bytes, Compare, KeyRange, KeyValue, Operation, OperationResult, StoreState } from "../api.ts";
import { bytesOf } from "../bytes.ts";

export function rangeOf(range: Bytes | KeyRange): { key: Uint8Array; rangeEnd: Uint8Array } {
  if (typeof range === "string" || range instanceof Uint8Array) return { key: bytesOf(range), rangeEnd: none };
  return { key: bytesOf(range.key), rangeEnd: range.end === undefined ? none : bytesOf(range.end) };
}

const none = new Uint8Array(0);

export function keyValueOf(kv: WireKeyValue): KeyValue {
  const { key, value, createRevision, modRevision, version, lease } = kv;
  return { key, value, createRevision, modRevision, version, lease };
}

export function storeOf(header: ResponseHeader | undefined): StoreState {
  if (!header) throw new CodedError("PROTOCOL", "etcd answered without a header");
  const { clusterId, memberId, revision, raftTerm } = header;
  return { clusterId, memberId, revision, raftTerm };
}

const results = {
  "=": Compare_CompareResult.EQUAL,
  "!=": Compare_CompareResult.NOT_EQUAL,
  "<": Compare_CompareResult.LESS,
  ">": Compare_CompareResult.GREATER,
} as const;

export function compareOf(compare: Compare): MessageInitShape<typeof CompareSchema> {
  const key = bytesOf(compare.key);
  const result = results[compare.is ?? "="];
  if ("value" in compare) {
    const target = Compare_CompareTarget.VALUE;
    return { key, result, target, targetUnion: { case: "value", value: bytesOf(compare.value) } };
  }
  if ("version" in compare) {
    const target = Compare_CompareTarget.VERSION;
    return { key, result, target, targetUnion: { case: "version", value: compare.version } };
  }
  if ("modRevision" in compare) {
    const target = Compare_CompareTarget.MOD;
    return { key, result, target, targetUnion: { case: "modRevision", value: compare.modRevision } };
  }
  if ("createRevision" in compare) {
    const target = Compare_CompareTarget.CREATE;
    return { key, result, target, targetUnion: { case: "createRevision", value: compare.createRevision } };
  }
  const target = Compare_CompareTarget.LEASE;
  return { key, result, target, targetUnion: { case: "lease", value: compare.lease } };
}

export function requestOf(operation: Operation): MessageInitShape<typeof RequestOpSchema> {
  if ("put" in operation) {
    const { put, value, lease = 0n } = operation;
    return { request: { case: "requestPut", value: { key: bytesOf(put), value: bytesOf(value), lease } } };
  }
  if ("delete" in operation) return { request: { case: "requestDeleteRange", value: rangeOf(operation.delete) } };
  return { request: { case: "requestRange", value: create(RangeRequestSchema, rangeOf(operation.range)) } };
}

export function resultOf({ response }: ResponseOp): OperationResult {
  switch (response.case) {
    case "responsePut":
      return { kind: "put" };
    case "responseDeleteRange":
      return { kind: "delete", deleted: Number(response.value.deleted) };
    case "responseRange":
      return { kind: "range", kvs: response.value.kvs.map(keyValueOf) };
    default:
      throw new CodedError(
        "PROTOCOL",
        `etcd answered with ${response.case ?? "nothing"} to an operation of a transaction`,
      );
  }
}
