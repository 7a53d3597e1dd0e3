import { table } from "../../lab/view/table.ts";
import type { Operation, RecordedTxn } from "../connection/scheduler.ts";
import { ago } from "./output.ts";

/** A row per transaction; with `details`, a line per error and per value that waits below it. */
export function historyText(
  records: readonly RecordedTxn[],
  { details, nowMs }: { readonly details: boolean; readonly nowMs: number },
): string {
  if (records.length === 0) return "The agent remembers no transaction.\n";
  const header = ["SEQ", "TYPE", "AGE", "TOOK", "INPUT", "OPERATIONS", "RESULT", "STATES"];
  const text = table(
    header,
    records.map((record) => rowOf(record, nowMs)),
  );
  if (!details) return text;
  const [head = "", ...rows] = text.trimEnd().split("\n");
  return [head, ...rows.flatMap((row, i) => [row, ...detailsOf(records[i])])].map((line) => `${line}\n`).join("");
}

function rowOf(record: RecordedTxn, nowMs: number): string[] {
  const executed = record.Executed ?? [];
  const errors = executed.filter(({ NewErrMsg }) => NewErrMsg);
  const startMs = Date.parse(record.Start);
  const tookMs = record.Stop === undefined ? undefined : Date.parse(record.Stop) - startMs;
  return [
    `${record.SeqNum}`,
    typeOf(record),
    ago(nowMs - startMs),
    tookMs === undefined || Number.isNaN(tookMs) || tookMs < 0 ? "running" : `${tookMs} ms`,
    record.Values?.length ? `${record.Values.length} ${record.Values.length === 1 ? "value" : "values"}` : "-",
    counted(executed.filter(({ NOOP }) => !NOOP).map(({ Operation }) => Operation.toLowerCase())),
    errors.length > 0 ? `${errors.length} failed` : executed.length > 0 ? "ok" : "-",
    counted(executed.filter(({ IsDerived }) => !IsDerived).map(({ NewState }) => NewState ?? "NONEXISTENT")),
  ];
}

export function typeOf(record: RecordedTxn): string {
  switch (record.TxnType) {
    case "SBNotification":
      return "status update";
    case "RetryFailedOps":
      return `retry ${record.RetryAttempt ?? 1} of #${record.RetryForTxn ?? "?"}`;
    case "RetryUnimplOps":
      return "retry of unimplemented";
  }
  switch (record.ResyncType) {
    case "FullResync":
      return "config replace";
    case "UpstreamResync":
      return "config sync";
    case "DownstreamResync":
      return "status sync";
    default:
      return "config change";
  }
}

function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ") || "-";
}

function detailsOf(record: RecordedTxn | undefined): string[] {
  if (!record) return [];
  const lines = (record.Executed ?? []).flatMap((operation) => detailOf(operation));
  return record.Description ? [`      ${record.Description}`, ...lines] : lines;
}

function detailOf({ Operation, Key, NewState, NewErrMsg }: Operation): string[] {
  if (NewErrMsg) return [`      ${Operation} ${Key}: ${NewErrMsg}`];
  return NewState === "PENDING" ? [`      ${Key} is PENDING`] : [];
}
