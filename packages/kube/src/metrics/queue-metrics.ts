import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** client-go's buckets for the work queue, seconds: 10 ns to 10^3 s by tens. */
const buckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000];
const labelNames = ["name", "controller"] as const;
type Labels = (typeof labelNames)[number];

/** Since when each of the keys that are being worked on is, ms ago. */
export type WorkingMs = () => readonly number[];

/** client-go's for work queues (util/workqueue/metrics.go), with controller-runtime's second label. */
export class QueueMetrics {
  readonly depth: Gauge<Labels>;
  readonly adds: Counter<Labels>;
  readonly retries: Counter<Labels>;
  readonly waitSeconds: Histogram<Labels>;
  readonly workSeconds: Histogram<Labels>;
  readonly #working = new Map<string, WorkingMs>();

  constructor(registry: Registry) {
    const shared = { labelNames, registers: [registry] };
    this.depth = new Gauge({ name: "workqueue_depth", help: "Current depth of the work queue", ...shared });
    this.adds = new Counter({
      name: "workqueue_adds_total",
      help: "Total number of adds handled by the work queue",
      ...shared,
    });
    this.retries = new Counter({
      name: "workqueue_retries_total",
      help: "Total number of retries handled by the work queue",
      ...shared,
    });
    this.waitSeconds = new Histogram({
      name: "workqueue_queue_duration_seconds",
      help: "How long an item stays in the work queue before it is taken",
      ...{ ...shared, buckets },
    });
    this.workSeconds = new Histogram({
      name: "workqueue_work_duration_seconds",
      help: "How long processing an item of the work queue takes",
      ...{ ...shared, buckets },
    });
    this.#whileWorking(
      registry,
      "workqueue_unfinished_work_seconds",
      "How long the items that are being processed have been, in all",
      (ms) => ms.reduce((sum, one) => sum + one, 0),
    );
    this.#whileWorking(
      registry,
      "workqueue_longest_running_processor_seconds",
      "How long the item that has been processed longest has been",
      (ms) => Math.max(0, ...ms),
    );
  }

  /** Reads from `working` at each scrape. @returns ends that */
  observe(name: string, working: WorkingMs): () => void {
    this.#working.set(name, working);
    return () => {
      if (this.#working.get(name) === working) this.#working.delete(name);
    };
  }

  #whileWorking(registry: Registry, name: string, help: string, of: (ms: readonly number[]) => number): void {
    const working = this.#working;
    new Gauge({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        this.reset();
        for (const [queue, read] of working) this.set({ name: queue, controller: queue }, of(read()) / 1000);
      },
    });
  }
}
