import type { RecordedTxn, RecordedTxnOp } from "@nsmkit/scheduler";

/** A transaction as people read it. */
export function transactionText(record: RecordedTxn): string {
  const title = [
    `Transaction #${record.SeqNum}`,
    record.TxnType,
    record.ResyncType && record.ResyncType !== "NotResync" ? record.ResyncType : "",
    record.RetryForTxn === undefined ? "" : `retry ${record.RetryAttempt} of #${record.RetryForTxn}`,
    record.Description ? JSON.stringify(record.Description) : "",
  ].filter((part) => part !== "");
  const took = record.Stop ? `${Date.parse(record.Stop) - Date.parse(record.Start)} ms` : "still running";
  const lines = [
    title.join(", "),
    `  ${record.Start}, ${took}`,
    ...section("planned", record.Planned),
    ...section("executed", record.Executed),
  ];
  return `${lines.join("\n")}\n`;
}

function section(name: string, operations: readonly RecordedTxnOp[] | undefined): string[] {
  if (!operations || operations.length === 0) return [];
  return [`  ${name}:`, ...operations.map((operation, i) => `    ${i + 1}. ${operationText(operation)}`)];
}

function operationText(operation: RecordedTxnOp): string {
  const marks = [
    operation.NOOP ? "nothing to do" : "",
    operation.IsDerived ? "derived" : "",
    operation.IsRevert ? "revert" : "",
    operation.IsRetry ? "retry" : "",
    operation.IsRecreate ? "re-create" : "",
  ].filter((mark) => mark !== "");
  const states = `${operation.PrevState ?? "NONEXISTENT"} -> ${operation.NewState ?? "NONEXISTENT"}`;
  const error = operation.NewErrMsg ? `: ${operation.NewErrMsg}` : "";
  return `${operation.Operation} ${operation.Key} (${states}${marks.length > 0 ? `, ${marks.join(", ")}` : ""})${error}`;
}
