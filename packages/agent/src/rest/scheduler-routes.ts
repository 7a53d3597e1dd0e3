import { CodedError } from "@nsmkit/core";
import { flagNames, type RecordedTxn, type Scheduler, type View } from "@nsmkit/scheduler";
import { flag, missing, oneOf, time, wholeNumber } from "./arguments.ts";
import { drawGraph } from "./graph-svg.ts";
import type { RestRequest, RestResponse, Route } from "./route.ts";
import { transactionText } from "./transaction-text.ts";

type Handle = (request: RestRequest) => RestResponse | Promise<RestResponse>;

/** /scheduler/*: paths, arguments and answers of ligato/vpp-agent plugins/kvscheduler/rest.go. */
export function schedulerRoutes(scheduler: Scheduler): Route[] {
  const route = (method: "GET" | "POST", name: string, text: string, handle: Handle): Route => ({
    method,
    path: `/scheduler/${name}`,
    text,
    handle,
    argumentErrorStatus: 500,
    group: method === "GET" ? "scheduler" : "nbConfigWrite",
  });
  return [
    route("GET", "txn-history", "transactions; since, until (ns), seq-num, format=json or text", ({ query }) =>
      history(scheduler, query),
    ),
    route("GET", "key-timeline", "revisions of a key; key, time (ns)", ({ query }) => {
      const key = query.get("key");
      if (!key) throw missing("key");
      const timeMs = time(query, "time");
      return { body: scheduler.keyTimeline(key, timeMs === undefined ? {} : { timeMs }) };
    }),
    route("GET", "graph-snapshot", "all values with their relations; time (ns)", ({ query }) => {
      const timeMs = time(query, "time");
      return { body: scheduler.graphSnapshot(timeMs === undefined ? {} : { timeMs }) };
    }),
    route("GET", "flag-stats", "how many values have which flag; flag, prefix (repeatable)", ({ query }) => {
      const name = oneOf(query, "flag", flagNames);
      if (!name) throw missing("flag");
      return { body: scheduler.flagStats(name, query.getAll("prefix")) };
    }),
    route(
      "POST",
      "downstream-resync",
      "reads the system and repairs it; retry, verbose (1)",
      async ({ query, signal }) => {
        const retry = flag(query, "retry");
        flag(query, "verbose");
        const { seqNum } = await scheduler
          .transaction()
          .commit({ resync: "downstream", description: "REST", retry, signal });
        return { body: scheduler.recordedTransaction(seqNum) };
      },
    ),
    route(
      "GET",
      "dump",
      "values; descriptor or key-prefix, view=SB (default), NB, cached",
      async ({ query, signal }) => {
        const filter = filterOf(query);
        const view: View = oneOf(query, "view", ["SB", "NB", "cached"]) ?? "SB";
        if (!filter) return { body: scheduler.dumpIndex() };
        return { body: await scheduler.dump({ ...filter, view }, { signal }) };
      },
    ),
    route("GET", "status", "what became of values; key, descriptor or key-prefix", ({ query }) => {
      const key = given(query, "key");
      if (key !== undefined) return { body: scheduler.status(key) };
      return { body: scheduler.statuses(filterOf(query) ?? {}) };
    }),
    route("GET", "graph", "the graph; txn, format=svg (default), dot, raw", ({ query }) => graph(scheduler, query)),
    route("GET", "stats", "counts and durations", () => ({ body: scheduler.stats() })),
  ];
}

function filterOf(query: URLSearchParams): { descriptor: string } | { keyPrefix: string } | undefined {
  const descriptor = given(query, "descriptor");
  const keyPrefix = given(query, "key-prefix");
  if (descriptor !== undefined && keyPrefix !== undefined)
    throw new CodedError("INVALID_ARGUMENT", "descriptor and key-prefix are both given; ask by one of them");
  if (descriptor !== undefined) return { descriptor };
  return keyPrefix === undefined ? undefined : { keyPrefix };
}

/** agentctl sends arguments that it has no value for as empty ones. */
function given(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) || undefined;
}

function history(scheduler: Scheduler, query: URLSearchParams): RestResponse {
  const seqNum = wholeNumber(query, "seq-num");
  const format = oneOf(query, "format", ["json", "text"]) ?? "json";
  const show = (records: readonly RecordedTxn[], one: boolean): RestResponse =>
    format === "text" ? { body: records.map(transactionText).join("\n") } : { body: one ? records[0] : records };
  if (seqNum !== undefined) {
    const record = scheduler.recordedTransaction(seqNum);
    if (!record) throw new CodedError("NOT_FOUND", `there is no record of transaction ${seqNum}`);
    return show([record], true);
  }
  const sinceMs = time(query, "since");
  const untilMs = time(query, "until");
  const window = { ...(sinceMs === undefined ? {} : { sinceMs }), ...(untilMs === undefined ? {} : { untilMs }) };
  return show(scheduler.history(window), false);
}

function graph(scheduler: Scheduler, query: URLSearchParams): RestResponse {
  const format = oneOf(query, "format", ["svg", "dot", "raw"]) ?? "svg";
  const seqNum = wholeNumber(query, "txn");
  if (format !== "svg") {
    return {
      body: scheduler.toDot(seqNum === undefined ? {} : { seqNum }),
      type: format === "dot" ? "text/vnd.graphviz" : "text/plain; charset=utf-8",
    };
  }
  let timeMs: number | undefined;
  if (seqNum !== undefined) {
    const record = scheduler.recordedTransaction(seqNum);
    if (!record) throw new CodedError("NOT_FOUND", `there is no record of transaction ${seqNum}`);
    timeMs = Date.parse(record.Stop ?? record.Start);
  }
  return { body: drawGraph(scheduler.graphSnapshot(timeMs === undefined ? {} : { timeMs })), type: "image/svg+xml" };
}
