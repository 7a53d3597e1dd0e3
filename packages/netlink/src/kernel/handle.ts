import { type Clock, isCodedError, throwIfAborted } from "@nsmkit/core";
import type { MonitorOptions } from "../api/monitor.ts";
import type { BatchOptions, Monitor, OpResults } from "../api/netlink.ts";
import type { CallOptions } from "../api/netns.ts";
import type { Op } from "../api/ops.ts";
import type { PingOptions, PingResult } from "../api/ping.ts";
import type { SocketRequest } from "../api/socket.ts";
import { BatchHandle } from "../batch-handle.ts";
import { EventQueue } from "../event-queue.ts";
import { EchoSocket } from "../icmp/echo-socket.ts";
import { echoSocketSpec } from "../icmp/options.ts";
import { planPing, runPing } from "../icmp/ping.ts";
import type { Family } from "../names/ip.ts";
import type { Poller } from "../os/poller.ts";
import type { CallValues, SocketSpec } from "../worker/protocol.ts";
import { connected } from "./connect.ts";
import type { Executor } from "./executor.ts";
import { feedEvents, monitorSpec } from "./monitor.ts";
import { type KernelNetns, Uses } from "./netns.ts";
import type { SocketLease } from "./plan.ts";
import { socketSpec } from "./socket-spec.ts";
import type { WorkerClient } from "./worker-client.ts";

export interface HandleParts {
  readonly netns: KernelNetns;
  readonly socketId: number;
  readonly worker: WorkerClient;
  readonly poller: Poller;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly onClose: () => void;
}

export class KernelHandle extends BatchHandle {
  readonly #parts: HandleParts;
  readonly #uses: Uses;
  readonly #monitors = new Set<Monitor>();
  readonly #echo = new Map<Family, Promise<EchoSocket>>();

  constructor(parts: HandleParts) {
    super();
    this.#parts = parts;
    this.#uses = new Uses(`the handle of ${parts.netns.label}`);
  }

  get netns(): KernelNetns {
    return this.#parts.netns;
  }

  /** Its netlink socket, for a job that works in this namespace too. */
  lease(): SocketLease {
    return { socketId: this.#parts.socketId, end: this.#uses.begin() };
  }

  async batch<const Ops extends readonly Op[]>(ops: Ops, options: BatchOptions = {}): Promise<OpResults<Ops>> {
    const end = this.#uses.begin();
    try {
      const { executor, netns } = this.#parts;
      const placed = ops.map((op) => ({ netns, op }));
      // One result per op, each of its op's type: see `Executor`.
      return (await executor.run(placed, options)) as unknown as OpResults<Ops>;
    } finally {
      end();
    }
  }

  async monitor(options: MonitorOptions): Promise<Monitor> {
    throwIfAborted(options.signal, "monitoring");
    const spec = monitorSpec(options);
    // Until the monitor is known here: a handle that is closed meanwhile has to close it too.
    const end = this.#uses.begin();
    try {
      const { fd } = await this.#openSocket(spec);
      return this.#monitorOf(fd, options);
    } finally {
      end();
    }
  }

  #monitorOf(fd: number, options: MonitorOptions): Monitor {
    const queue = new EventQueue(options.queueLimit);
    const source = feedEvents(fd, this.#parts.poller, queue, options.actions);
    const onAbort = (): void => void queue.close();
    queue.attach({
      ref: source.ref,
      unref: source.unref,
      close: () => {
        options.signal?.removeEventListener("abort", onAbort);
        this.#monitors.delete(queue);
        return source.close();
      },
    });
    this.#monitors.add(queue);
    if (options.signal?.aborted) onAbort();
    else options.signal?.addEventListener("abort", onAbort, { once: true });
    return queue;
  }

  async ping(options: PingOptions): Promise<PingResult> {
    const plan = planPing(options);
    throwIfAborted(options.signal, `ping to ${options.destination}`);
    const end = this.#uses.begin();
    try {
      const link = await this.#linkIndex(options);
      const socket = await this.#echoSocket(plan.family);
      const probe = { ...plan.probe, link };
      return await runPing(plan, () => socket.probe(probe), this.#parts.clock, options.signal);
    } finally {
      end();
    }
  }

  async openSocket(request: SocketRequest, options: CallOptions = {}): Promise<number> {
    const spec = socketSpec(request);
    throwIfAborted(options.signal, spec.doing);
    const { fd, connecting } = await this.#openListening(request, spec);
    return connecting ? connected(fd, this.#parts.poller, spec.doing, options.signal) : fd;
  }

  async close(): Promise<void> {
    if (!(await this.#uses.close())) return;
    this.#parts.onClose();
    for (const monitor of this.#monitors) await monitor.close();
    for (const socket of this.#echo.values()) (await socket.catch(() => undefined))?.close();
    await this.#parts.worker.call({ call: "closeSocket", socketId: this.#parts.socketId });
  }

  async #linkIndex(options: PingOptions): Promise<number> {
    if (options.link === undefined) return 0;
    if (typeof options.link === "number") return options.link;
    return (await this.linkGet(options.link)).index;
  }

  /** The one ICMP socket of a family; a failure to open it is not kept. */
  #echoSocket(family: Family): Promise<EchoSocket> {
    const open = this.#echo.get(family);
    if (open) return open;
    const opening = this.#openEchoSocket(family);
    this.#echo.set(family, opening);
    opening.catch(() => this.#echo.delete(family));
    return opening;
  }

  async #openEchoSocket(family: Family): Promise<EchoSocket> {
    const { poller, clock } = this.#parts;
    try {
      const { fd } = await this.#openSocket(echoSocketSpec(family, false));
      return new EchoSocket(fd, family, false, poller, clock);
    } catch (error) {
      if (!isCodedError(error, "PERMISSION_DENIED")) throw error;
      const { fd } = await this.#openSocket(echoSocketSpec(family, true));
      return new EchoSocket(fd, family, true, poller, clock);
    }
  }

  /** "Any address" means IPv4 alone where this namespace has no IPv6. */
  async #openListening(request: SocketRequest, spec: SocketSpec): Promise<CallValues["openSocket"]> {
    try {
      return await this.#openSocket(spec);
    } catch (error) {
      const noIpv6 = isCodedError(error) && ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(String(error.details.errno));
      if (!noIpv6 || request.kind !== "tcp-listen" || request.address !== undefined) throw error;
      return this.#openSocket(socketSpec({ ...request, address: "0.0.0.0" }));
    }
  }

  async #openSocket(spec: SocketSpec): Promise<CallValues["openSocket"]> {
    const ends = [this.#uses.begin(), this.netns.uses.begin()];
    try {
      const { netns } = this;
      const ns = { fd: netns.isCurrent ? -1 : netns.fd, label: netns.label };
      return await this.#parts.worker.call({ call: "openSocket", ns, spec });
    } finally {
      for (const end of ends) end();
    }
  }
}
