import { create, type MessageShape } from "@bufbuild/protobuf";
import {
  CompactionRequestSchema,
  DeleteRangeRequestSchema,
  KV,
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseRevokeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  type RangeResponse,
  TxnRequestSchema,
  Lease as WireLease,
} from "@nsmkit/api/etcd";
import { type Clock, CodedError, isCodedError, systemClock } from "@nsmkit/core";
import { insecureIdentity } from "@nsmkit/sdk/identity";
import type {
  Bytes,
  Etcd,
  EtcdCallOptions,
  EtcdOptions,
  KeyRange,
  KeyValue,
  Lease,
  Listing,
  ListOptions,
  Txn,
  TxnResult,
  WatchOptions,
  WatchUpdate,
  WriteOptions,
} from "../api.ts";
import { bytesOf } from "../bytes.ts";
import { Cluster } from "./cluster.ts";
import { compareOf, keyValueOf, rangeOf, requestOf, resultOf, storeOf } from "./convert.ts";
import { readEndpoints } from "./endpoint.ts";
import { isGuarded } from "./guarded.ts";
import { isAnswer, translate, unknownOutcome } from "./refusal.ts";
import { Token } from "./token.ts";
import { watchOnce } from "./watch.ts";

/** Values may be 1.5 MiB by etcd's default, and a server may allow more. */
const maxMessageBytes = 64 * 1024 * 1024;

const defaultPageSize = 1000;

/**
 * Opens a client of an etcd cluster; nothing is sent before the first call.
 * @throws CodedError INVALID_ARGUMENT for an endpoint or certificate that is none
 */
export function openEtcd(options: EtcdOptions): Etcd {
  const { user, password = "", dialTimeoutMs = 1000, operationTimeoutMs = 3000, logger, clock = systemClock } = options;
  const cluster = new Cluster({
    endpoints: readEndpoints(options),
    dial: {
      identity: insecureIdentity({ name: "etcd-client" }),
      dialTimeoutMs,
      maxMessageBytes,
      ...(logger ? { logger } : {}),
    },
    token: user ? new Token(user, password) : undefined,
    operationTimeoutMs,
    clock,
  });
  return new EtcdClient(cluster, clock, options.endpoints.join(","));
}

class EtcdClient implements Etcd {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #clock: Clock;

  constructor(cluster: Cluster, clock: Clock, name: string) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.name = name;
  }

  async get(key: Bytes, { signal }: EtcdCallOptions = {}): Promise<KeyValue | undefined> {
    const request = create(RangeRequestSchema, rangeOf(key));
    const { message } = await this.#cluster.unary(KV.method.range, request, { kind: "read", what: "get", signal });
    const [kv] = message.kvs;
    return kv && keyValueOf(kv);
  }

  async list(range: KeyRange, options: ListOptions = {}): Promise<Listing> {
    const { key, rangeEnd } = rangeOf(range);
    const kvs: KeyValue[] = [];
    let pageSize = options.pageSize ?? defaultPageSize;
    let revision = options.revision ?? 0n;
    let store: Listing["store"] | undefined;
    let from = key;
    for (;;) {
      const page = await this.#page({ key: from, rangeEnd, revision, limit: pageSize }, options);
      // Too large to take in one piece: values differ in size.
      if (page === "too large") {
        pageSize = Math.max(1, pageSize >> 1);
        continue;
      }
      store ??= storeOf(page.header);
      if (revision === 0n) revision = store.revision;
      for (const kv of page.kvs) kvs.push(keyValueOf(kv));
      const last = page.kvs.at(-1);
      if (!page.more || !last) return { revision, store, kvs };
      from = Buffer.concat([last.key, zero]);
    }
  }

  async #page(
    page: { key: Uint8Array; rangeEnd: Uint8Array; revision: bigint; limit: number },
    { signal, keysOnly = false }: ListOptions,
  ): Promise<RangeResponse | "too large"> {
    const request = create(RangeRequestSchema, { ...page, limit: BigInt(page.limit), keysOnly });
    try {
      return (await this.#cluster.unary(KV.method.range, request, { kind: "read", what: "list", signal })).message;
    } catch (error) {
      if (isCodedError(error, "RESOURCE_EXHAUSTED") && !isAnswer(error) && page.limit > 1) return "too large";
      throw error;
    }
  }

  async put(key: Bytes, value: Bytes, { lease = 0n, signal }: WriteOptions = {}): Promise<{ revision: bigint }> {
    const request = create(PutRequestSchema, { key: bytesOf(key), value: bytesOf(value), lease });
    const { message } = await this.#cluster.unary(KV.method.put, request, { kind: "write", what: "put", signal });
    return { revision: storeOf(message.header).revision };
  }

  async delete(
    range: Bytes | KeyRange,
    { signal }: EtcdCallOptions = {},
  ): Promise<{ revision: bigint; deleted: number }> {
    const request = create(DeleteRangeRequestSchema, rangeOf(range));
    const call = { kind: "write", what: "delete", signal } as const;
    const { message } = await this.#cluster.unary(KV.method.deleteRange, request, call);
    return { revision: storeOf(message.header).revision, deleted: Number(message.deleted) };
  }

  async txn(txn: Txn, { signal }: EtcdCallOptions = {}): Promise<TxnResult> {
    const request = create(TxnRequestSchema, {
      compare: (txn.compare ?? []).map(compareOf),
      success: (txn.success ?? []).map(requestOf),
      failure: (txn.failure ?? []).map(requestOf),
    });
    const writes = [...(txn.success ?? []), ...(txn.failure ?? [])].some((operation) => !("range" in operation));
    const kind = writes ? (isGuarded(txn) ? "guarded" : "write") : "read";
    const what = "transaction";
    const { message, doubtful } = await this.#cluster.unary(KV.method.txn, request, { kind, what, signal });
    if (doubtful && !message.succeeded)
      throw unknownOutcome(what, new CodedError("UNAVAILABLE", "its condition did not hold when it was sent again"));
    const { succeeded, responses, header } = message;
    return { succeeded, revision: storeOf(header).revision, results: responses.map(resultOf) };
  }

  watch(range: KeyRange, options: WatchOptions = {}): AsyncIterable<WatchUpdate> {
    return watchOnce(this.#cluster, this.#clock, range, options);
  }

  async compact(revision: bigint, { signal }: EtcdCallOptions = {}): Promise<void> {
    const request = create(CompactionRequestSchema, { revision });
    await this.#cluster.unary(KV.method.compact, request, { kind: "write", what: "compaction", signal });
  }

  async leaseGrant(ttlSeconds: number, { signal }: EtcdCallOptions = {}): Promise<Lease> {
    const request = create(LeaseGrantRequestSchema, { TTL: BigInt(ttlSeconds) });
    // A lease of which nobody knows ends by itself.
    const call = { kind: "read", what: "lease grant", signal } as const;
    const { message } = await this.#cluster.unary(WireLease.method.leaseGrant, request, call);
    if (message.error !== "") throw new CodedError("UNKNOWN", `etcd: lease grant failed: ${message.error}`);
    return { id: message.ID, ttlSeconds: Number(message.TTL) };
  }

  async leaseKeepAlive(id: bigint, { signal }: EtcdCallOptions = {}): Promise<number> {
    const cluster = this.#cluster;
    const channel = cluster.channel;
    const timeoutMs = cluster.operationTimeoutMs;
    const any = signal ? AbortSignal.any([signal, cluster.closing]) : cluster.closing;
    async function* once(): AsyncGenerator<MessageShape<typeof LeaseKeepAliveRequestSchema>> {
      yield create(LeaseKeepAliveRequestSchema, { ID: id });
    }
    try {
      const metadata = await cluster.metadata(channel, { signal: any, timeoutMs });
      const options = { signal: any, timeoutMs, metadata };
      for await (const { TTL } of channel.bidiStream(WireLease.method.leaseKeepAlive, once(), options)) {
        if (TTL > 0n) return Number(TTL);
        throw new CodedError("NOT_FOUND", `etcd: lease ${id.toString(16)} has ended`);
      }
      throw new CodedError("UNAVAILABLE", "etcd did not answer a keep-alive");
    } catch (error) {
      if (!isCodedError(error)) throw error;
      if (isAnswer(error)) cluster.refusedToken(error.message);
      if (isCodedError(error, "UNAVAILABLE") || isCodedError(error, "DEADLINE_EXCEEDED")) cluster.leave(channel);
      throw translate(error);
    }
  }

  async leaseRevoke(id: bigint, { signal }: EtcdCallOptions = {}): Promise<void> {
    const request = create(LeaseRevokeRequestSchema, { ID: id });
    await this.#cluster.unary(WireLease.method.leaseRevoke, request, { kind: "write", what: "lease revoke", signal });
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const zero = Uint8Array.of(0);
