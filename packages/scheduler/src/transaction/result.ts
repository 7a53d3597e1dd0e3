import { CodedError, messageOf } from "@nsmkit/core";
import type { Engine } from "../engine/engine.ts";
import { statusOf } from "../status.ts";
import type { TransactionResult } from "../transaction.ts";
import type { ValueStatus } from "../value.ts";
import type { Run } from "./run.ts";

/** How things stand with a transaction. */
export function resultOf(engine: Engine, run: Run): TransactionResult {
  const values = run.values.map(({ key, value }): [string, ValueStatus] => {
    const node = engine.graph.get(key);
    if (node && node.state !== "NONEXISTENT") return [key, statusOf(node)];
    return [key, { key, state: value === undefined ? "REMOVED" : "NONEXISTENT" }];
  });
  return {
    seqNum: run.seqNum,
    values: Object.fromEntries(values),
    errors: [...run.errors],
    unsettled: [...run.open].map((node) => node.key).sort(),
    superseded: [...run.superseded].sort(),
  };
}

/** One error for a result with errors (all of them in `details.errors`), for callers that throw; undefined if it has none. */
export function transactionError(result: TransactionResult): CodedError | undefined {
  const [first] = result.errors;
  if (!first) return undefined;
  const more = result.errors.length > 1 ? ` (and ${result.errors.length - 1} more)` : "";
  const message = `transaction ${result.seqNum}: ${first.operation.toLowerCase()} of ${first.key} failed: ${messageOf(first.error)}${more}`;
  return new CodedError("FAILED_PRECONDITION", message, { cause: first.error, details: { errors: result.errors } });
}
