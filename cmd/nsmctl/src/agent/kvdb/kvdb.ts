import { stdin } from "node:process";
import { addAbortSignal } from "node:stream";
import { text } from "node:stream/consumers";
import { prefix as rangeOf, shown } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";
import { stringify } from "yaml";
import { table } from "../../lab/view/table.ts";
import type { Session } from "../connection/session.ts";
import { wholeKey, wholePrefix } from "./keys.ts";
import { checkValue } from "./value.ts";

export interface Entry {
  readonly key: string;
  readonly value?: string;
  readonly revision: number;
  /** The value goes with this lease. */
  readonly lease?: string;
}

export async function listKeys(session: Session, prefix: string, keysOnly: boolean): Promise<Entry[]> {
  const etcd = await session.etcd();
  const { kvs } = await etcd.list(rangeOf(wholePrefix(prefix)), { keysOnly, signal: session.signal });
  return kvs.map(({ key, value, modRevision, lease }) => ({
    key: shown(key),
    ...(keysOnly ? {} : { value: shown(value) }),
    revision: Number(modRevision),
    ...(lease === 0n ? {} : { lease: lease.toString(16) }),
  }));
}

export async function listText(
  entries: readonly Entry[],
  format: "text" | "table" | "json" | "yaml",
  keysOnly: boolean,
): Promise<string> {
  switch (format) {
    case "json":
      return `${JSON.stringify(entries, null, 2)}\n`;
    case "yaml":
      return stringify(entries);
    case "table": {
      const rows = entries.map(({ key, value, revision, lease }) => [
        `${revision}`,
        lease ?? "",
        key,
        ...(keysOnly ? [] : [value ?? ""]),
      ]);
      return table(["REVISION", "LEASE", "KEY", ...(keysOnly ? [] : ["VALUE"])], rows);
    }
    case "text":
      return entries.map(({ key, value }) => (keysOnly ? `${key}\n` : `${key}\n${value}\n`)).join("");
  }
}

export async function getKey(session: Session, given: string): Promise<string> {
  const key = wholeKey(given, () => session.label);
  const etcd = await session.etcd();
  const found = await etcd.get(key, { signal: session.signal });
  if (!found) throw missing(key);
  return shown(found.value);
}

export async function putKey(
  session: Session,
  given: string,
  value: string,
  { check }: { readonly check: boolean },
): Promise<void> {
  const key = wholeKey(given, () => session.label);
  const written = value === "-" ? (await text(addAbortSignal(session.signal, stdin))).trimEnd() : value;
  const checked = check ? checkValue(key, written) : undefined;
  const etcd = await session.etcd();
  await etcd.put(key, checked?.text ?? written, { signal: session.signal });
}

export async function deleteKey(session: Session, given: string): Promise<void> {
  const key = wholeKey(given, () => session.label);
  const etcd = await session.etcd();
  const { deleted } = await etcd.delete(key, { signal: session.signal });
  if (deleted === 0) throw missing(key);
}

function missing(key: string): CodedError {
  return new CodedError("NOT_FOUND", `etcd has no key ${key}; "nsmctl agent kvdb list --keys-only" shows what it has`);
}
