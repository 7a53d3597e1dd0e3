/** Metric names and labels of controller-runtime and client-go, so that stock dashboards and alerts work. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { QueueMetrics } from "./queue-metrics.ts";
import { WebhookMetrics } from "./webhook-metrics.ts";

/** controller-runtime's buckets for reconcile times, seconds. */
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 1.75,
  2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** client-go's buckets for requests, seconds. */
const requestBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export type ReconcileResult = "success" | "error" | "requeue" | "requeue_after";

export class KubeMetrics {
  readonly reconcileTotal: Counter<"controller" | "result">;
  readonly reconcileErrors: Counter<"controller">;
  readonly terminalErrors: Counter<"controller">;
  readonly reconcileSeconds: Histogram<"controller">;
  readonly activeWorkers: Gauge<"controller">;
  readonly maxConcurrent: Gauge<"controller">;
  /** Of what was thrown without being a CodedError: a defect, as a panic is. */
  readonly panics: Counter<"controller">;
  readonly timeouts: Counter<"controller">;
  readonly queue: QueueMetrics;
  readonly leader: Gauge<"name">;
  readonly webhooks: WebhookMetrics;
  /** Give `answered` to the client. */
  readonly requests: Counter<"code" | "method" | "host">;
  readonly requestSeconds: Histogram<"verb" | "host">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.webhooks = new WebhookMetrics(registry);
    this.queue = new QueueMetrics(registry);
    const controller = ["controller"] as const;
    this.reconcileTotal = new Counter({
      name: "controller_runtime_reconcile_total",
      help: "Total number of reconciliations per controller",
      labelNames: ["controller", "result"],
      registers,
    });
    this.reconcileErrors = new Counter({
      name: "controller_runtime_reconcile_errors_total",
      help: "Total number of reconciliation errors per controller",
      labelNames: controller,
      registers,
    });
    this.terminalErrors = new Counter({
      name: "controller_runtime_terminal_reconcile_errors_total",
      help: "Total number of terminal reconciliation errors per controller",
      labelNames: controller,
      registers,
    });
    this.reconcileSeconds = new Histogram({
      name: "controller_runtime_reconcile_time_seconds",
      help: "Length of time per reconciliation per controller",
      labelNames: controller,
      buckets: reconcileBuckets,
      registers,
    });
    this.activeWorkers = new Gauge({
      name: "controller_runtime_active_workers",
      help: "Number of currently used workers per controller",
      labelNames: controller,
      registers,
    });
    this.maxConcurrent = new Gauge({
      name: "controller_runtime_max_concurrent_reconciles",
      help: "Maximum number of concurrent reconciles per controller",
      labelNames: controller,
      registers,
    });
    this.panics = new Counter({
      name: "controller_runtime_reconcile_panics_total",
      help: "Total number of reconciliation panics per controller",
      labelNames: controller,
      registers,
    });
    this.timeouts = new Counter({
      name: "controller_runtime_reconcile_timeouts_total",
      help: "Total number of reconciliation timeouts per controller",
      labelNames: controller,
      registers,
    });
    this.requestSeconds = new Histogram({
      name: "rest_client_request_duration_seconds",
      help: "Request latency in seconds, by verb and host",
      labelNames: ["verb", "host"],
      buckets: requestBuckets,
      registers,
    });
    this.requests = new Counter({
      name: "rest_client_requests_total",
      help: "Number of HTTP requests, by status code, method and host",
      labelNames: ["code", "method", "host"],
      registers,
    });
    this.leader = new Gauge({
      name: "leader_election_master_status",
      help: "1 if this process leads, else 0",
      labelNames: ["name"],
      registers,
    });
  }

  /** Counts the answers of one API server: `onAnswer` of a KubeClient. @param server its URL */
  answered(server: string): (method: string, code: string, seconds: number) => void {
    const { host } = new URL(server);
    return (method, code, seconds) => {
      this.requests.inc({ method, code, host });
      this.requestSeconds.observe({ verb: method, host }, seconds);
    };
  }
}
