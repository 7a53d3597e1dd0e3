import { CodedError, isCodedError, messageOf } from "@nsmkit/core";
import { readFiles } from "../../cnf/files.ts";
import { sendUpdate } from "../change/send.ts";
import type { Session } from "../connection/session.ts";
import { splitWhole, wholeKey } from "./keys.ts";
import { type CheckedValue, checkValue } from "./value.ts";

export interface Line {
  /** Whole. */
  readonly key: string;
  readonly text: string;
  readonly place: string;
  readonly checked?: CheckedValue;
}

/** @throws CodedError INVALID_CONFIG, a line for each mistake; what was written before a transaction failed stays */
export async function importFile(
  session: Session,
  path: string,
  { txOps, grpc }: { readonly txOps: number; readonly grpc: boolean },
): Promise<void> {
  const [file] = await readFiles([path], { signal: session.signal });
  const lines = readLines(file?.text ?? "", file?.name ?? path, () => session.label);
  if (lines.length === 0) throw new CodedError("NOT_FOUND", `${path}: there is no line with a key and a value in it`);
  session.print(`importing ${lines.length} key-value pairs\n`);
  if (grpc) return overGrpc(session, lines);
  const etcd = await session.etcd();
  for (let i = 0; i < lines.length; i += txOps) {
    const part = lines.slice(i, i + txOps);
    for (const { key } of part) session.print(` - ${key}\n`);
    const success = part.map(({ key, text, checked }) => ({ put: key, value: checked?.text ?? text }));
    await etcd.txn({ success }, { signal: session.signal }).catch((cause: unknown) => {
      const code = isCodedError(cause) ? cause.code : "UNKNOWN";
      throw new CodedError(
        code,
        `${i} of ${lines.length} pairs are written; the transaction after them failed: ${messageOf(cause)}`,
        { cause },
      );
    });
    session.print(`committed a transaction with ${part.length} writes\n`);
  }
}

async function overGrpc(session: Session, lines: readonly Line[]): Promise<void> {
  const items = lines.map(({ key, place, checked }) => {
    const own = splitWhole(key);
    if (!checked || !own)
      throw new CodedError("INVALID_CONFIG", `${place}: ${key} belongs to no model that can be declared over gRPC`);
    return { key: own.key, model: checked.model, value: checked.value, place };
  });
  const labels = new Set(lines.map(({ key }) => splitWhole(key)?.label));
  const [first, second] = [...labels];
  if (second !== undefined)
    throw new CodedError("INVALID_CONFIG", `the file has keys of ${[...labels].join(", ")}; one agent is spoken to`);
  if (session.givenLabel !== undefined && first !== session.givenLabel)
    throw new CodedError("INVALID_CONFIG", `the keys are of ${first}, the agent is ${session.givenLabel}`);
  for (const { key } of items) session.print(` - ${key}\n`);
  const { seqNum } = await sendUpdate(session, items, { way: "grpc", replace: false, labels: {} });
  session.print(`sent via gRPC${seqNum === undefined ? "" : `, transaction ${seqNum}`}\n`);
}

/** @throws CodedError INVALID_CONFIG */
export function readLines(text: string, name: string, label: () => string): Line[] {
  const problems: string[] = [];
  const seen = new Map<string, string>();
  const lines = text.split("\n").flatMap((raw, i): Line[] => {
    const line = raw.trim();
    const place = `${name}:${i + 1}`;
    if (line === "" || line.startsWith("#")) return [];
    // Names in keys may have spaces; a value is an object in nearly all cases.
    const split = line.indexOf(" {") > 0 ? line.indexOf(" {") : line.indexOf(" ");
    if (split < 0) {
      problems.push(`${place}: ${JSON.stringify(line.slice(0, 60))} has no value; write a key, a space and JSON`);
      return [];
    }
    const given = line.slice(0, split).trimEnd();
    const value = line.slice(split + 1).trim();
    try {
      const key = given.startsWith("/vnf-agent/") ? given : wholeKey(given, label);
      const twin = seen.get(key);
      if (twin) problems.push(`${place}: ${key} is also at ${twin}; keep one`);
      seen.set(key, place);
      const checked = checkValue(key, value);
      return [{ key, text: value, place, ...(checked ? { checked } : {}) }];
    } catch (error) {
      // A missing label is no mistake of the file.
      if (!isCodedError(error, "INVALID_CONFIG")) throw error;
      problems.push(`${place}: ${error.message}`);
      return [];
    }
  });
  if (problems.length > 0) throw new CodedError("INVALID_CONFIG", problems.join("\n"));
  return lines;
}
