import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** controller-runtime's for answers to the API server, and of what keeps their certificate (pkg/webhook, pkg/certwatcher). */
export class WebhookMetrics {
  readonly requests: Counter<"webhook" | "code">;
  readonly seconds: Histogram<"webhook">;
  readonly inFlight: Gauge<"webhook">;
  readonly certificateReads: Counter;
  readonly certificateReadErrors: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: "controller_runtime_webhook_requests_total",
      help: "Total number of admission requests by HTTP status code",
      labelNames: ["webhook", "code"],
      registers,
    });
    this.seconds = new Histogram({
      name: "controller_runtime_webhook_latency_seconds",
      help: "Histogram of the latency of processing admission requests",
      labelNames: ["webhook"],
      registers,
    });
    this.inFlight = new Gauge({
      name: "controller_runtime_webhook_requests_in_flight",
      help: "Current number of admission requests being served",
      labelNames: ["webhook"],
      registers,
    });
    this.certificateReads = new Counter({
      name: "certwatcher_read_certificate_total",
      help: "Total number of certificate reads",
      registers,
    });
    this.certificateReadErrors = new Counter({
      name: "certwatcher_read_certificate_errors_total",
      help: "Total number of certificate read errors",
      registers,
    });
  }

  /** Counts one request from now on. @returns to be called with the HTTP status of its answer */
  started(webhook: string): (code: number) => void {
    this.inFlight.inc({ webhook });
    const timed = this.seconds.startTimer({ webhook });
    return (code) => {
      timed();
      this.inFlight.dec({ webhook });
      this.requests.inc({ webhook, code: String(code) });
    };
  }
}
