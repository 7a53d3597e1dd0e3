import { create, type MessageShape } from "@bufbuild/protobuf";
import {
  Event_EventType,
  KV,
  RangeRequestSchema,
  Watch,
  WatchRequestSchema,
  type WatchResponse,
} from "@nsmkit/api/etcd";
import { type Clock, CodedError, Deferred, isCodedError, messageOf } from "@nsmkit/core";
import type { Channel } from "@nsmkit/sdk/transport";
import type { KeyRange, WatchEvent, WatchOptions, WatchUpdate } from "../api.ts";
import { bytesOf } from "../bytes.ts";
import type { Cluster } from "./cluster.ts";
import { keyValueOf, rangeOf, storeOf } from "./convert.ts";
import { isAnswer, translate } from "./refusal.ts";

/** A connection whose server was stopped says nothing, as does a watch without events: after this time we ask, ms. */
const silenceMs = 5000;

/** The key that Ligato agents ask for to see whether etcd answers. */
const probeKey = "/probe-etcd-connection";

/** One watch on the member in use. @throws as `Etcd.watch` */
export async function* watchOnce(
  cluster: Cluster,
  clock: Clock,
  range: KeyRange,
  options: WatchOptions,
): AsyncGenerator<WatchUpdate> {
  const { fromRevision = 0n, signal } = options;
  const channel = cluster.channel;
  const ending = new AbortController();
  const signals = [cluster.closing, ending.signal, ...(signal ? [signal] : [])];
  const any = AbortSignal.any(signals);
  const over = new Deferred<void>();
  const liveness = new Liveness(channel, cluster, clock, (error) => ending.abort(error));
  const createRequest = { ...rangeOf(range), startRevision: fromRevision, progressNotify: true, fragment: true };
  async function* requests(): AsyncGenerator<MessageShape<typeof WatchRequestSchema>> {
    yield create(WatchRequestSchema, { requestUnion: { case: "createRequest", value: createRequest } });
    // The end of the requests would be the end of the watch.
    await over.promise;
  }
  try {
    const metadata = new Map(await cluster.metadata(channel, { signal: any, timeoutMs: cluster.operationTimeoutMs }));
    // A member without a leader would be silent for ever.
    metadata.set("hasleader", ["true"]);
    liveness.start();
    const revisions = new Revisions();
    for await (const response of channel.bidiStream(Watch.method.watch, requests(), { signal: any, metadata })) {
      liveness.heard();
      if (response.canceled) throw cancelled(cluster, response);
      if (response.created) yield { kind: "created", store: storeOf(response.header) };
      yield* revisions.take(response);
    }
    throw new CodedError("UNAVAILABLE", "etcd ended the watch");
  } catch (error) {
    if (signal?.aborted) return;
    if (ending.signal.aborted) throw ending.signal.reason;
    if (!isCodedError(error)) throw error;
    if (isAnswer(error) && cluster.refusedToken(error.message))
      throw new CodedError("UNAVAILABLE", "etcd: the token has ended", { cause: error });
    if (isCodedError(error, "UNAVAILABLE") || !isAnswer(error)) cluster.leave(channel);
    throw translate(error);
  } finally {
    liveness.stop();
    over.resolve();
    ending.abort();
  }
}

function cancelled(cluster: Cluster, { compactRevision, cancelReason }: WatchResponse): CodedError {
  if (compactRevision > 0n) {
    return new CodedError("FAILED_PRECONDITION", `etcd has forgotten everything before revision ${compactRevision}`, {
      details: { compactRevision },
    });
  }
  if (cluster.refusedToken(cancelReason)) return new CodedError("UNAVAILABLE", `etcd: ${cancelReason}`);
  if (/permission denied/i.test(cancelReason)) return new CodedError("PERMISSION_DENIED", `etcd: ${cancelReason}`);
  return new CodedError("UNAVAILABLE", `etcd ended the watch: ${cancelReason || "it did not say why"}`);
}

/** Puts answers that came in parts together, and cuts them into revisions: a batch may have many of those. */
class Revisions {
  #held: WatchEvent[] = [];

  *take(response: WatchResponse): Generator<WatchUpdate> {
    for (const { type, kv } of response.events) {
      if (!kv) throw new CodedError("PROTOCOL", "etcd told of an event without its key");
      this.#held.push({ type: type === Event_EventType.DELETE ? "delete" : "put", kv: keyValueOf(kv) });
    }
    if (response.fragment) return;
    const events = this.#held;
    this.#held = [];
    if (events.length === 0) {
      if (!response.created && response.header) yield { kind: "progress", revision: response.header.revision };
      return;
    }
    let begin = 0;
    for (let end = 1; end <= events.length; end++) {
      const revision = events[begin]?.kv.modRevision ?? 0n;
      if (events[end]?.kv.modRevision === revision) continue;
      yield { kind: "events", revision, events: events.slice(begin, end) };
      begin = end;
    }
  }
}

/** Asks a silent server for a key; no answer in an operation's time means that it is lost. */
class Liveness {
  readonly #channel: Channel;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #lost: (error: CodedError) => void;
  #heardAtMs = 0;
  #stopping = new AbortController();

  constructor(channel: Channel, cluster: Cluster, clock: Clock, lost: (error: CodedError) => void) {
    this.#channel = channel;
    this.#cluster = cluster;
    this.#clock = clock;
    this.#lost = lost;
  }

  start(): void {
    this.heard();
    this.#wait(silenceMs);
  }

  heard(): void {
    this.#heardAtMs = this.#clock.monotonic();
  }

  stop(): void {
    this.#stopping.abort();
  }

  #wait(ms: number): void {
    const { signal } = this.#stopping;
    const timer = this.#clock.after(ms, () => {
      signal.removeEventListener("abort", cancel);
      const silentMs = this.#clock.monotonic() - this.#heardAtMs;
      if (silentMs < silenceMs) this.#wait(silenceMs - silentMs);
      else void this.#ask();
    });
    const cancel = (): void => timer.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  }

  async #ask(): Promise<void> {
    const { signal } = this.#stopping;
    const timeoutMs = this.#cluster.operationTimeoutMs;
    try {
      const metadata = await this.#cluster.metadata(this.#channel, { signal, timeoutMs });
      const request = create(RangeRequestSchema, { key: bytesOf(probeKey), limit: 1n, keysOnly: true });
      await this.#channel.unary(KV.method.range, request, { signal, timeoutMs, metadata });
      this.heard();
    } catch (error) {
      if (signal.aborted) return;
      // A refusal is an answer; that it has no leader or no time is none.
      const lost = !isAnswer(error) || isCodedError(error, "UNAVAILABLE") || isCodedError(error, "DEADLINE_EXCEEDED");
      if (lost) {
        this.#cluster.leave(this.#channel);
        this.#lost(new CodedError("UNAVAILABLE", `etcd does not answer: ${messageOf(error)}`, { cause: error }));
        return;
      }
      this.#cluster.refusedToken(messageOf(error));
      this.heard();
    }
    this.#wait(silenceMs);
  }
}
