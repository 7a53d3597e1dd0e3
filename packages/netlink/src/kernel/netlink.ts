import { openSync } from "node:fs";
import { endianness } from "node:os";
import { CodedError, closeAll, systemClock } from "@nsmkit/core";
import type { BatchOptions, Handle, Netlink, NetlinkOptions, OpResult, Step } from "../api/netlink.ts";
import type { Netns } from "../api/netns.ts";
import { EINVAL, errnoOf, systemError } from "../os/errno.ts";
import { Poller } from "../os/poller.ts";
import { Executor } from "./executor.ts";
import { KernelHandle } from "./handle.ts";
import { KernelNamespaces } from "./namespaces.ts";
import { KernelNetns, kernelNetns, Uses } from "./netns.ts";
import { WorkerClient } from "./worker-client.ts";

const defaultDirectory = "/run/netns";

interface Parts {
  readonly worker: WorkerClient;
  readonly poller: Poller;
  readonly namespaces: KernelNamespaces;
}

export class KernelNetlink implements Netlink {
  readonly namespaces: KernelNamespaces;
  readonly #parts: Parts;
  readonly #executor: Executor;
  readonly #handles = new Map<KernelNetns, Set<KernelHandle>>();
  readonly #uses = new Uses("netlink");
  #nextSocketId = 1;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.namespaces = parts.namespaces;
    this.#executor = new Executor(parts.worker, (netns) => {
      const [handle] = this.#handles.get(netns) ?? [];
      return handle?.lease();
    });
  }

  handle(netns?: Netns): Handle {
    this.#uses.check();
    const own = netns === undefined ? this.namespaces.current : kernelNetns(netns);
    own.uses.check();
    const others = this.#handles.get(own) ?? new Set();
    const handle: KernelHandle = new KernelHandle({
      netns: own,
      socketId: this.#nextSocketId++,
      worker: this.#parts.worker,
      poller: this.#parts.poller,
      executor: this.#executor,
      clock: systemClock,
      onClose: () => {
        others.delete(handle);
        if (others.size === 0) this.#handles.delete(own);
      },
    });
    others.add(handle);
    this.#handles.set(own, others);
    return handle;
  }

  async execute(steps: readonly Step[], options: BatchOptions = {}): Promise<readonly (readonly OpResult[])[]> {
    const end = this.#uses.begin();
    try {
      const placed = steps.flatMap(({ netns, ops }) => {
        const own = netns === undefined ? this.namespaces.current : kernelNetns(netns);
        return ops.map((op) => ({ netns: own, op }));
      });
      const results = await this.#executor.run(placed, options);
      let from = 0;
      return steps.map(({ ops }) => {
        from += ops.length;
        return results.slice(from - ops.length, from);
      });
    } finally {
      end();
    }
  }

  /** Closes every handle too; namespaces opened here are their openers' to close. */
  async close(): Promise<void> {
    if (!(await this.#uses.close())) return;
    await closeAll([...this.#handles.values()].flatMap((handles) => [...handles]));
    this.#parts.poller.close();
    await this.#parts.worker.close();
    await this.namespaces.current.closeFinally();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export function openKernelNetlink(options: NetlinkOptions): KernelNetlink {
  if (process.platform !== "linux" || endianness() !== "LE")
    throw new CodedError("UNSUPPORTED", `netlink needs Linux on x64 or arm64, not ${process.platform} ${process.arch}`);
  const current = new KernelNetns(openOwn(), "the network namespace of this process", true);
  const poller = Poller.start();
  const worker = WorkerClient.start();
  const namespaces = new KernelNamespaces(worker, current, options.namespaceDirectory ?? defaultDirectory);
  return new KernelNetlink({ worker, poller, namespaces });
}

function openOwn(): number {
  try {
    return openSync("/proc/self/ns/net", "r");
  } catch (error) {
    throw systemError({ errno: errnoOf(error) ?? EINVAL, doing: "open the network namespace of this process" });
  }
}
