import { storedKey, storedValue } from "@nsmkit/agent/cnf-configuration";
import { maxTxnOps, type Operation, prefix } from "@nsmkit/agent/etcd";
import { CodedError } from "@nsmkit/core";
import type { Session } from "../connection/session.ts";
import type { Item } from "./read-files.ts";
import type { Sent } from "./send.ts";

/** One transaction, as long as etcd takes it as one. `replace` removes what else is declared there for the agent. */
export async function putIntoEtcd(
  session: Session,
  items: readonly Item[],
  { replace }: { readonly replace: boolean },
): Promise<Sent> {
  const { label } = session;
  const puts = items.map((item) => ({ put: storedKey({ ...item, label }), value: storedValue(item) }));
  const etcd = await session.etcd();
  const wanted = new Set(puts.map(({ put }) => Buffer.from(put).toString("hex")));
  const present = replace
    ? (await etcd.list(prefix(`/vnf-agent/${label}/config/`), { keysOnly: true, signal: session.signal })).kvs
    : [];
  const gone = present.map(({ key }) => key).filter((key) => !wanted.has(Buffer.from(key).toString("hex")));
  await commit(session, [...gone.map((key) => ({ delete: key })), ...puts]);
  return { by: "etcd" };
}

export async function deleteFromEtcd(session: Session, items: readonly Item[]): Promise<Sent> {
  const { label } = session;
  await commit(
    session,
    items.map((item) => ({ delete: storedKey({ ...item, label }) })),
  );
  return { by: "etcd" };
}

async function commit(session: Session, operations: readonly Operation[]): Promise<void> {
  if (operations.length > maxTxnOps)
    throw new CodedError(
      "RESOURCE_EXHAUSTED",
      `${operations.length} operations do not fit into one transaction of etcd (${maxTxnOps}); split the files, or use "nsmctl agent import"`,
    );
  const etcd = await session.etcd();
  await etcd.txn({ success: operations }, { signal: session.signal });
}
