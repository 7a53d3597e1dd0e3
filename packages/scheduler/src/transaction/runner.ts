import { abortable, type Clock, CodedError, type Logger } from "@nsmkit/core";
import { Deadlines } from "../engine/deadlines.ts";
import { Engine } from "../engine/engine.ts";
import type { EngineHooks } from "../engine/hooks.ts";
import { realSouthbound } from "../engine/southbound.ts";
import type { Node } from "../graph/node.ts";
import type { Timeline } from "../history/timeline.ts";
import type { TransactionHistory } from "../history/transactions.ts";
import { applyNotification, concerns, type Notification, NotificationQueue } from "../notify.ts";
import { Refresher } from "../refresh/refresher.ts";
import { Resync, resyncValues } from "../refresh/resync.ts";
import type { DescriptorRegistry } from "../registry.ts";
import type { Statistics } from "../stats.ts";
import type { TransactionOptions, TransactionResult } from "../transaction.ts";
import type { ValueOrigin } from "../value.ts";
import { touchInOrder, wantValues } from "./apply.ts";
import { planOperations } from "./plan.ts";
import { resultOf } from "./result.ts";
import { type DueRetries, RetryQueue, retryPolicy } from "./retry.ts";
import { revert } from "./revert.ts";
import { type OpRecord, Run, type RunOptions, type RunValue } from "./run.ts";

const resyncNames = { full: "FullResync", upstream: "UpstreamResync", downstream: "DownstreamResync" } as const;

export interface RunnerDeps {
  readonly registry: DescriptorRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly history: TransactionHistory;
  readonly timeline: Timeline;
  readonly statistics: Statistics;
  readonly simulate: boolean;
  /** The node's status changed. */
  changed(node: Node): void;
  metadata(node: Node): void;
}

/** Begins transactions of every kind, each at once, and ends them when the engine has no work left for them. */
export class Runner {
  readonly engine: Engine;
  readonly deadlines: Deadlines;
  readonly retries: RetryQueue;
  readonly #deps: RunnerDeps;
  readonly #refresher: Refresher;
  readonly #notifications = new NotificationQueue();
  readonly #resyncs = new Map<Run, Resync>();
  #nextSeqNum = 0;
  #readBefore = false;

  constructor(deps: RunnerDeps) {
    const { registry, logger, clock } = deps;
    this.#deps = deps;
    this.deadlines = new Deadlines(clock);
    this.retries = new RetryQueue(clock, (due) => this.#retry(due));
    this.engine = new Engine({
      registry,
      southbound: realSouthbound,
      hooks: this.#hooks(),
      deadlines: this.deadlines,
      logger,
      drained: (idle) => this.#drained(idle),
    });
    const originOf = (key: string): ValueOrigin => this.originOf(key);
    this.#refresher = new Refresher({ engine: this.engine, deadlines: this.deadlines, logger, originOf });
  }

  #hooks(): EngineHooks {
    const { timeline, statistics } = this.#deps;
    return {
      changed: (node) => {
        timeline.changed(node);
        this.#deps.changed(node);
      },
      metadata: (node) => this.#deps.metadata(node),
      retry: (node) => this.retries.add(node),
      followUp: (node, why) => {
        const attempt = Math.max(1, node.attempts);
        const retryFor = { seqNum: node.intent?.seqNum ?? 0, attempt };
        return this.#begin({ type: "RetryFailedOps", description: why, retryFor, retry: node.intent?.retry });
      },
      failed: (run) => revert(this.engine, run),
      refresh: (node) => this.#refresher.request(node),
      called: (call, what) => statistics.called(call, what),
    };
  }

  #begin(options: Omit<RunOptions, "seqNum" | "startMs">): Run {
    const run = new Run({ ...options, seqNum: this.#nextSeqNum++, startMs: this.#deps.clock.now() });
    run.beganMs = this.#deps.clock.monotonic();
    // Whoever does not wait for the end need not handle that there may be none.
    run.settled.promise.catch(() => {});
    this.#deps.history.began(run);
    return run;
  }

  start(values: readonly RunValue[], options: TransactionOptions): Run {
    this.#checkOpen();
    this.flushNotifications();
    const { resync, description, revertOnFailure = false, simulate = this.#deps.simulate } = options;
    const changes = resync ? resyncValues(this.engine, resync, values) : values;
    const planned = simulate ? this.plan(values, options) : undefined;
    const run = this.#begin({
      type: "NBTransaction",
      ...(description === undefined ? {} : { description }),
      ...(resync ? { resync: resyncNames[resync] } : {}),
      retry: retryPolicy(options.retry),
      revertOnFailure,
      verbose: options.verbose ?? false,
    });
    run.planned = planned;
    this.#work(run, () => {
      if (resync && resync !== "upstream") this.#resync(run, changes);
      else touchInOrder(this.engine, wantValues(this.engine, run, changes), () => run);
    });
    return run;
  }

  plan(values: readonly RunValue[], { resync }: TransactionOptions): OpRecord[] {
    this.#checkOpen();
    const since = this.#deps.clock.monotonic();
    const changes = resync ? resyncValues(this.engine, resync, values) : values;
    const planned = planOperations(this.engine, this.#deps.registry, changes, this.#nextSeqNum);
    this.#deps.statistics.slice("simulateTransaction", since);
    return planned;
  }

  #work(run: Run, begin: () => void): void {
    const since = this.#deps.clock.monotonic();
    begin();
    this.#deps.statistics.waited(run.type, (this.#deps.clock.monotonic() - run.beganMs) / 1000);
    this.engine.checkDone(run);
    this.engine.drain();
    this.#deps.statistics.slice("beginTransaction", since);
  }

  #resync(run: Run, changes: readonly RunValue[]): void {
    const { registry, logger } = this.#deps;
    const originOf = (key: string): ValueOrigin => this.originOf(key);
    const deps = { engine: this.engine, registry, deadlines: this.deadlines, logger, originOf };
    const resync = new Resync(deps, run, changes, !this.#readBefore);
    this.#readBefore = true;
    this.#resyncs.set(run, resync);
    resync.start();
  }

  notify(changes: readonly Notification[]): void {
    if (this.engine.closed) return;
    if (this.#notifications.size === 0) queueMicrotask(() => this.flushNotifications());
    for (const change of changes) this.#notifications.add(change);
  }

  flushNotifications(): void {
    if (this.#notifications.size === 0 || this.engine.closed) return;
    const changes = this.#notifications.take().filter((change) => concerns(this.engine, change));
    if (changes.length === 0) return;
    const run = this.#begin({ type: "SBNotification" });
    this.#work(run, () => {
      for (const change of changes.reverse()) applyNotification(this.engine, run, change);
    });
  }

  #retry({ seqNum, attempt, nodes }: DueRetries): void {
    if (this.engine.closed) return;
    const ready: Node[] = [];
    for (const node of nodes) {
      if (node.call) node.retryOnReturn = true;
      else ready.push(node);
    }
    const [first] = ready;
    if (!first) return;
    const run = this.#begin({ type: "RetryFailedOps", retryFor: { seqNum, attempt }, retry: first.intent?.retry });
    this.#again(run, ready);
  }

  /** Values without descriptor may have got one. */
  retryUnimplemented(): void {
    const bySeqNum = new Map<number, Node[]>();
    for (const node of this.engine.graph.nodes.values()) {
      if (node.descriptor) continue;
      this.engine.graph.describe(node);
      if (!node.descriptor) continue;
      node.resolved = false;
      this.engine.graph.list(node);
      if (node.state !== "UNIMPLEMENTED" || !node.intent) continue;
      const nodes = bySeqNum.get(node.intent.seqNum) ?? [];
      bySeqNum.set(node.intent.seqNum, nodes);
      nodes.push(node);
    }
    for (const [seqNum, nodes] of bySeqNum) {
      const run = this.#begin({ type: "RetryUnimplOps", retryFor: { seqNum, attempt: 0 } });
      this.#again(run, nodes);
    }
  }

  #again(run: Run, nodes: readonly Node[]): void {
    const ordered = [...nodes].sort((a, b) => (a.key < b.key ? 1 : -1));
    this.#work(run, () => {
      for (const node of ordered) {
        const { key, wanted, origin, descriptor } = node;
        run.values.push({ key, value: wanted, origin, descriptor });
        node.failure = undefined;
        this.engine.touch(node, run);
      }
    });
  }

  /** Where a key without other evidence comes from: whoever had it last. */
  originOf(key: string): ValueOrigin {
    const node = this.engine.graph.get(key);
    if (node && node.state !== "NONEXISTENT") return node.origin;
    const last = this.#deps.timeline.of(key).at(-1);
    if (!last) return "SB";
    return last.state === "OBTAINED" ? "SB" : "NB";
  }

  #drained(idle: readonly Run[]): void {
    const { clock, timeline, history, statistics } = this.#deps;
    timeline.commit(clock.now());
    for (const run of idle) {
      if (!run.isDone || run.closed) continue;
      run.closed = true;
      run.stopMs = clock.now();
      run.settled.resolve(resultOf(this.engine, run));
      this.#resyncs.delete(run);
      history.ended(run);
      statistics.settled(run, (clock.monotonic() - run.beganMs) / 1000);
      this.#log(run, clock.monotonic() - run.beganMs);
    }
  }

  #log(run: Run, durationMs: number): void {
    const { logger } = this.#deps;
    const { seqNum: transaction, type, ops, errors } = run;
    logger.info("transaction settled", {
      transaction,
      type,
      operations: ops.length,
      errors: errors.length,
      durationMs,
    });
    // Northbound gets its errors as the result; nobody else is told of these.
    if (type === "NBTransaction") return;
    for (const { key, operation, error } of errors)
      logger.error("operation failed", { transaction, key, operation, error });
  }

  result(seqNum: number): TransactionResult | undefined {
    const run = this.#deps.history.get(seqNum);
    return run && resultOf(this.engine, run);
  }

  async barrier(options: { signal?: AbortSignal }): Promise<void> {
    for (;;) {
      this.flushNotifications();
      const open = [...this.#deps.history.open].map((run) => run.settled.promise);
      if (open.length === 0) return;
      await abortable(Promise.all(open), options.signal, "waiting for transactions");
    }
  }

  #checkOpen(): void {
    if (this.engine.closed) throw new CodedError("CLOSED", "the scheduler is closed");
  }

  async close(graceMs: number): Promise<void> {
    const { clock, history } = this.#deps;
    this.retries.close();
    this.#refresher.close();
    for (const resync of this.#resyncs.values()) resync.close();
    this.engine.close();
    for (const run of history.open) {
      run.settled.reject(new CodedError("CLOSED", `the scheduler was closed before transaction ${run.seqNum} settled`));
    }
    const deadline = Promise.withResolvers<void>();
    const timer = clock.after(graceMs, () => deadline.resolve());
    await Promise.race([this.engine.callsEnded(), deadline.promise]);
    timer.cancel();
    this.deadlines.close();
  }
}
