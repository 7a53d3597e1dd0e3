import { RecordingLogger } from "@nsmkit/core/testing";
import { FakeNetlink } from "@nsmkit/netlink/testing";
import { createAgent } from "../../agent.ts";
import { MemoryEtcd } from "../../etcd/testing/memory-etcd.ts";
import { FakeIptables } from "../../testing/iptables.ts";
import type { Check } from "../northbound.ts";
import { EtcdSource, type EtcdSourceOptions } from "./source.ts";

export const label = "nat";
export const root = `/vnf-agent/${label}/`;
export const linkKey = (name: string): string => `config/linux/interfaces/v2/interface/${name}`;
/** A link of its own, as etcdctl would put it. */
export const link = (name: string, more: object = {}): string =>
  JSON.stringify({ name, type: "DUMMY", enabled: true, ...more });

const close = async (): Promise<void> => {};

/** An agent on a machine in memory that reads an etcd in memory. */
export function etcdWorld(options: Partial<EtcdSourceOptions> = {}) {
  const etcd = new MemoryEtcd();
  const netlink = new FakeNetlink();
  const logger = new RecordingLogger();
  const refusals: [string, string | undefined][] = [];
  let source: EtcdSource | undefined;
  const make = (files: readonly string[] = [], check: Check = () => {}) =>
    createAgent({
      label,
      netlink,
      logger,
      iptables: new FakeIptables(),
      files: { paths: files },
      plugins: [() => ({ descriptors: [], checks: [check], close, [Symbol.asyncDispose]: close })],
      sources: [
        (core) => {
          source = new EtcdSource(core, {
            etcd,
            reconnectIntervalMs: 20,
            onRefused: (key, error) => refusals.push([key, error]),
            ...options,
          });
          return source;
        },
      ],
    });
  return {
    etcd,
    netlink,
    logger,
    refusals,
    make,
    /** Of the agent made last. */
    get source(): EtcdSource {
      if (!source) throw new Error("no agent was made");
      return source;
    },
    put: (name: string, more?: object) => etcd.put(`${root}${linkKey(name)}`, link(name, more)),
    delete: (name: string) => etcd.delete(`${root}${linkKey(name)}`),
    async [Symbol.asyncDispose]() {
      await etcd.close();
      await netlink.close();
    },
  };
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`still not: ${what}`);
}
