import { silentLogger } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import { prefix, textOf } from "../../etcd/bytes.ts";
import { openSession } from "../../etcd/session.ts";
import { MemoryEtcd } from "../../etcd/testing/memory-etcd.ts";

/** A store in memory with a session, under one clock that stands still. */
export function base() {
  const clock = new FakeClock(1_700_000_000_000);
  const etcd = new MemoryEtcd({ clock });
  const session = openSession(etcd, { clock });
  const read = async (root: string): Promise<Record<string, string>> => {
    const { kvs } = await etcd.list(prefix(root));
    return Object.fromEntries(
      kvs.map(({ key, value }) => [textOf(key)?.slice(root.length) ?? "?", textOf(value) ?? "?"]),
    );
  };
  return {
    clock,
    etcd,
    session,
    read,
    deps: { etcd, session, logger: silentLogger, clock },
    async [Symbol.asyncDispose]() {
      const closing = session.close();
      await clock.advance(0);
      await closing;
      await etcd.close();
    },
  };
}
