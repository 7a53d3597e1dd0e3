import { exitCodes } from "../../../lab/io.ts";
import type { Item } from "../../change/read-files.ts";
import type { Sent } from "../../change/send.ts";
import type { Session } from "../../connection/session.ts";

/** Says what was done, waits if that is wanted. @returns the exit code */
export async function tellSent(
  session: Session,
  { by, seqNum }: Sent,
  items: readonly Item[],
  { done, gone, wait }: { readonly done: string; readonly gone: boolean; readonly wait: boolean },
): Promise<number> {
  const transaction = seqNum === undefined ? "" : `, transaction ${seqNum}`;
  session.print(`${items.length} ${items.length === 1 ? "value" : "values"} ${done} over ${by}${transaction}\n`);
  if (!wait) return exitCodes.ok;
  const { waitForValues } = await import("../../change/wait.ts");
  const { timeoutMs } = session.options;
  const keys = items.map(({ key }) => key);
  const left = await waitForValues(session, keys, { gone, timeoutMs });
  if (left.length === 0) {
    session.print(gone ? "all are gone\n" : "all are in place\n");
    return exitCodes.ok;
  }
  session.note(`not as wished after ${timeoutMs / 1000} s at most:\n${left.map((line) => `  ${line}`).join("\n")}`);
  return exitCodes.failed;
}
