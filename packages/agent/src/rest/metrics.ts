import type { Histogram, Scheduler } from "@nsmkit/scheduler";
import type { BuildInfo } from "../probe.ts";
import { quote } from "./exposition.ts";
import type { Route } from "./route.ts";

/** GET /metrics: the scheduler's figures under Ligato's names, and those of the process. */
export function metricsRoute(scheduler: Scheduler, build: BuildInfo, more: () => string = () => ""): Route {
  let processMetrics: Promise<{ metrics(): Promise<string> }> | undefined;
  return {
    method: "GET",
    path: "/metrics",
    text: "figures for Prometheus",
    group: "telemetry",
    async handle() {
      // Loaded when somebody asks: it costs 50 ms and 19 MB, and most agents are never scraped.
      processMetrics ??= import("prom-client").then(({ collectDefaultMetrics, Registry }) => {
        const register = new Registry();
        collectDefaultMetrics({ register });
        return register;
      });
      const own = agentMetrics(scheduler, build) + more();
      return { body: own + (await (await processMetrics).metrics()), type: "text/plain; version=0.0.4; charset=utf-8" };
    },
  };
}

/** Exposition format of Prometheus, version 0.0.4. */
export function agentMetrics(scheduler: Scheduler, build: BuildInfo): string {
  const metrics = scheduler.metrics();
  const lines: string[] = [];
  const prefix = "ligato_kvscheduler_";
  const one = (name: string, kind: "counter" | "gauge", help: string, value: number): void => {
    lines.push(
      `# HELP ${prefix}${name} ${help}`,
      `# TYPE ${prefix}${name} ${kind}`,
      `${prefix}${name} ${number(value)}`,
    );
  };
  one("txn_processed", "counter", "Transactions processed.", metrics.txnProcessed);
  one("txn_dropped", "counter", "Transactions dropped.", metrics.txnDropped);
  one("queue_capacity", "gauge", "Transactions that can wait.", metrics.queueCapacity);
  one("queue_length", "gauge", "Transactions begun and not settled.", metrics.queueLength);
  one("calls_running", "gauge", "Calls to the system running now.", metrics.callsRunning);
  one("retries_waiting", "gauge", "Values waiting to be tried again.", metrics.retriesWaiting);
  histogram(
    lines,
    `${prefix}queue_wait_seconds`,
    "Time from start to first operation.",
    "txn_type",
    metrics.queueWaitSeconds,
  );
  histogram(
    lines,
    `${prefix}txn_process_duration_seconds`,
    "Time of parts of a transaction.",
    "slice",
    metrics.txnProcessDurationSeconds,
  );
  histogram(
    lines,
    `${prefix}txn_duration_seconds`,
    "Time from start until settled.",
    "txn_type",
    metrics.txnDurationSeconds,
  );
  states(lines, scheduler);
  const info = {
    version: build.version,
    revision: build.revision ?? "",
    build_date: build.date ?? "",
    built_by: "nsmkit",
  };
  const labels = Object.entries(info).map(([key, value]) => `${key}="${quote(value)}"`);
  lines.push(
    "# HELP ligato_build_info What this agent was built from.",
    "# TYPE ligato_build_info gauge",
    `ligato_build_info{${labels.join(",")}} 1`,
  );
  return `${lines.join("\n")}\n`;
}

function states(lines: string[], scheduler: Scheduler): void {
  const counts = new Map<string, number>();
  for (const { value } of scheduler.statuses()) counts.set(value.state, (counts.get(value.state) ?? 0) + 1);
  lines.push("# HELP nsmkit_agent_values Values by state.", "# TYPE nsmkit_agent_values gauge");
  for (const [state, count] of [...counts].sort()) lines.push(`nsmkit_agent_values{state="${quote(state)}"} ${count}`);
}

function histogram(
  lines: string[],
  name: string,
  help: string,
  label: string,
  rows: Readonly<Record<string, Histogram | undefined>>,
): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
  for (const [value, row] of Object.entries(rows)) {
    if (!row) continue;
    const tag = `${label}="${quote(value)}"`;
    for (const [i, bound] of row.buckets.entries())
      lines.push(`${name}_bucket{${tag},le="${bound}"} ${row.counts[i] ?? 0}`);
    lines.push(
      `${name}_bucket{${tag},le="+Inf"} ${row.count}`,
      `${name}_sum{${tag}} ${row.sum}`,
      `${name}_count{${tag}} ${row.count}`,
    );
  }
}

function number(value: number): string {
  return value === Number.POSITIVE_INFINITY ? "+Inf" : String(value);
}
