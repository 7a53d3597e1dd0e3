import { type Clock, CodedError, silentLogger, systemClock, type Timer } from "@nsmkit/core";
import type { Scheduler, SchedulerOptions, ValueFilter } from "./api.ts";
import type { Descriptor } from "./descriptor.ts";
import { toDot } from "./dot.ts";
import type { Node } from "./graph/node.ts";
import { type FlagName, type FlagStats, GraphView, type RecordedNode } from "./history/graph-view.ts";
import { type DescribeValue, showOps, showTxn } from "./history/show.ts";
import { Timeline } from "./history/timeline.ts";
import { type HistoryLimits, TransactionHistory } from "./history/transactions.ts";
import { IndexedMetadata, type MetadataMap } from "./metadata.ts";
import type { Notification } from "./notify.ts";
import type { RecordedKVWithMetadata, RecordedTxn, RecordedTxnOp } from "./record.ts";
import { DescriptorRegistry } from "./registry.ts";
import { Reports } from "./reports.ts";
import { type SchedulerMetrics, type SchedulerStats, Statistics } from "./stats.ts";
import { baseStatusOf } from "./status.ts";
import { TransactionBuilder, type TransactionDoor } from "./transaction/builder.ts";
import type { RunValue } from "./transaction/run.ts";
import { Runner } from "./transaction/runner.ts";
import type { StartedTransaction, Transaction, TransactionOptions, TransactionResult } from "./transaction.ts";
import type { BaseValueStatus, View } from "./value.ts";
import { StatusWatchers } from "./watch.ts";

const minuteMs = 60_000;

/** Starts a scheduler with an empty graph. @throws CodedError as `Scheduler.register` */
export function createScheduler(options: SchedulerOptions = {}): Scheduler {
  const scheduler = new DesiredStateScheduler(options);
  scheduler.register(...(options.descriptors ?? []));
  return scheduler;
}

function limitsOf(options: SchedulerOptions): HistoryLimits {
  const { record = true, maxTransactions = 20_000, ...minutes } = options.history ?? {};
  return {
    record,
    ageLimitMs: (minutes.ageLimitMinutes ?? 1440) * minuteMs,
    initPeriodMs: (minutes.permanentlyRecordedInitPeriodMinutes ?? 60) * minuteMs,
    maxTransactions,
  };
}

class DesiredStateScheduler implements Scheduler, TransactionDoor {
  readonly #clock: Clock;
  readonly #describeValue: DescribeValue;
  readonly #registry: DescriptorRegistry;
  readonly #history: TransactionHistory;
  readonly #timeline: Timeline;
  readonly #view: GraphView;
  readonly #runner: Runner;
  readonly #reports: Reports;
  readonly #watchers: StatusWatchers;
  readonly #statistics: Statistics;
  readonly #metadata = new Map<string, IndexedMetadata>();
  #trimmer: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    const clock = options.clock ?? systemClock;
    const logger = options.logger ?? silentLogger;
    const limits = limitsOf(options);
    this.#clock = clock;
    this.#describeValue = options.describeValue?.bind(options) ?? ((value) => value);
    this.#registry = new DescriptorRegistry(options.callTimeoutMs ?? 2 * minuteMs);
    this.#statistics = new Statistics(clock);
    this.#history = new TransactionHistory(limits, clock.now());
    this.#timeline = new Timeline(limits, clock.now());
    this.#view = new GraphView(this.#timeline, this.#describeValue);
    this.#runner = new Runner({
      registry: this.#registry,
      clock,
      logger,
      history: this.#history,
      timeline: this.#timeline,
      statistics: this.#statistics,
      simulate: options.simulate ?? false,
      changed: (node) => this.#watchers.changed((node.base ?? node).key),
      metadata: (node) => this.#keepMetadata(node),
    });
    const { graph } = this.#runner.engine;
    this.#watchers = new StatusWatchers(graph);
    this.#reports = new Reports({
      graph,
      registry: this.#registry,
      deadlines: this.#runner.deadlines,
      describeValue: this.#describeValue,
      originOf: (key) => this.#runner.originOf(key),
    });
  }

  register(...descriptors: Descriptor[]): void {
    const added = this.#registry.add(descriptors, this.#runner.engine.graph.nodes.keys());
    for (const registered of added) {
      if (registered.descriptor.withMetadata) this.#metadata.set(registered.name, new IndexedMetadata(registered));
    }
    if (added.length > 0) this.#runner.retryUnimplemented();
    this.#trimmer ??= this.#clock.after(minuteMs, () => this.#trim());
  }

  #trim(): void {
    const now = this.#clock.now();
    this.#history.trim(now);
    this.#timeline.trim(now);
    this.#trimmer = this.#clock.after(minuteMs, () => this.#trim());
  }

  #keepMetadata(node: Node): void {
    const map = node.descriptor && this.#metadata.get(node.descriptor.name);
    map?.set(node.label, node.metadata);
  }

  transaction(): Transaction {
    if (this.#closing) throw new CodedError("CLOSED", "the scheduler is closed");
    return new TransactionBuilder(this);
  }

  plan(values: readonly RunValue[], options: TransactionOptions): readonly RecordedTxnOp[] {
    return showOps(this.#runner.plan(values, options), undefined, this.#describeValue);
  }

  start(values: readonly RunValue[], options: TransactionOptions): StartedTransaction {
    const run = this.#runner.start(values, options);
    return {
      seqNum: run.seqNum,
      planned: showOps(run.planned ?? [], run, this.#describeValue),
      settled: run.settled.promise,
      record: () => showTxn(run, this.#describeValue),
    };
  }

  soFar(seqNum: number): TransactionResult {
    const result = this.#runner.result(seqNum);
    if (!result) throw new CodedError("NOT_FOUND", `transaction ${seqNum} is not recorded`);
    return result;
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#clock.after(delayMs, fn);
  }

  notify(...changes: Notification[]): void {
    this.#runner.notify(changes);
  }

  barrier(options: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#runner.barrier(options);
  }

  status(key: string): BaseValueStatus {
    const node = this.#runner.engine.graph.get(key);
    return node ? baseStatusOf(node) : { value: { key, state: "NONEXISTENT" } };
  }

  statuses(filter: ValueFilter = {}): BaseValueStatus[] {
    return this.#reports.statuses(filter);
  }

  watch(
    options: { keySelector?: (key: string) => boolean; signal?: AbortSignal } = {},
  ): AsyncIterable<BaseValueStatus> {
    return this.#watchers.watch(options.keySelector, options.signal);
  }

  metadata<M = unknown>(descriptor: string): MetadataMap<M> {
    const map = this.#metadata.get(descriptor);
    if (!map) throw new CodedError("NOT_FOUND", `no descriptor named "${descriptor}" keeps metadata`);
    return map as MetadataMap<M>;
  }

  dump(
    filter: ValueFilter & { view?: View },
    options: { signal?: AbortSignal } = {},
  ): Promise<RecordedKVWithMetadata[]> {
    return this.#reports.dump(filter, options);
  }

  dumpIndex(): { Descriptors: string[]; KeyPrefixes: string[]; Views: View[] } {
    const Descriptors = [...this.#registry.all].map(({ name }) => name);
    return { Descriptors, KeyPrefixes: this.nbKeyPrefixes(), Views: ["SB", "NB", "cached"] };
  }

  history({ sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = {}): RecordedTxn[] {
    return this.#history.between(sinceMs, untilMs).map((run) => showTxn(run, this.#describeValue));
  }

  recordedTransaction(seqNum: number): RecordedTxn | undefined {
    const run = this.#history.get(seqNum);
    return run && showTxn(run, this.#describeValue);
  }

  keyTimeline(key: string, { timeMs }: { timeMs?: number } = {}): RecordedNode[] {
    return this.#view.timelineOf(key, timeMs);
  }

  graphSnapshot({ timeMs = this.#clock.now() }: { timeMs?: number } = {}): RecordedNode[] {
    return this.#view.snapshot(timeMs);
  }

  flagStats(flag: FlagName, prefixes: readonly string[] = []): FlagStats {
    const selects = (key: string): boolean => prefixes.some((prefix) => key.startsWith(prefix));
    return this.#view.flagStats(flag, prefixes.length === 0 ? () => true : selects);
  }

  toDot({ timeMs, seqNum }: { timeMs?: number; seqNum?: number } = {}): string {
    if (seqNum === undefined) return toDot(this.graphSnapshot(timeMs === undefined ? {} : { timeMs }));
    const run = this.#history.get(seqNum);
    if (!run) throw new CodedError("NOT_FOUND", `transaction ${seqNum} is not recorded`);
    const touched = new Set(run.ops.flatMap((op) => (op ? [op.key] : [])));
    return toDot(this.graphSnapshot({ timeMs: run.stopMs ?? this.#clock.now() }), touched);
  }

  stats(): SchedulerStats {
    return this.#statistics.stats();
  }

  metrics(): SchedulerMetrics {
    return this.#statistics.metrics({
      queueLength: this.#history.open.size,
      callsRunning: this.#runner.engine.calls.size,
      retriesWaiting: this.#runner.retries.size,
      keysKnown: this.#runner.engine.graph.nodes.size,
    });
  }

  nbKeyPrefixes(): string[] {
    return [...this.#registry.all].flatMap(({ descriptor: { nbKeyPrefix } }) => nbKeyPrefix ?? []);
  }

  close(options: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? 5000);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    this.#trimmer?.cancel();
    this.#watchers.close();
    await this.#runner.close(graceMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
