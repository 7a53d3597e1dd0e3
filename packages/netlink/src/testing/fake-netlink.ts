import { CodedError, isCodedError, throwIfAborted } from "@nsmkit/core";
import type { MonitorOptions } from "../api/monitor.ts";
import type {
  BatchOptions,
  Handle,
  Monitor,
  Netlink,
  NetlinkOptions,
  OpResult,
  OpResults,
  Step,
} from "../api/netlink.ts";
import type { CallOptions, Netns } from "../api/netns.ts";
import type { Op } from "../api/ops.ts";
import type { PingOptions, PingResult } from "../api/ping.ts";
import type { SocketRequest } from "../api/socket.ts";
import { BatchHandle } from "../batch-handle.ts";
import { EventQueue } from "../event-queue.ts";
import { planPing } from "../icmp/ping.ts";
import { invalidOp, kernelError, notAttempted } from "../kernel/errors.ts";
import { FakeNamespaces, type FakeNetns } from "./fake-netns.ts";
import { reaches } from "./reach.ts";
import { runOp, validateOp } from "./run-op.ts";
import { Refusal, type Subscription } from "./state.ts";

/** What a test wants to happen instead: an error for this op, or nothing. It may wait, to play a slow kernel. */
export type Intercept = (op: Op, netns: Netns) => CodedError | undefined | Promise<CodedError | undefined>;

export interface FakeNetlinkOptions extends NetlinkOptions {
  /** Kinds of link that this kernel does not have, e.g. "vrf". */
  readonly unsupportedKinds?: readonly string[];
  /** Answers pings; default: one round trip of 0.1 ms wherever a cable leads to an owner of the address. */
  readonly ping?: (netns: Netns, options: PingOptions) => Promise<PingResult>;
  /** Default: UNSUPPORTED, a fake has no sockets. */
  readonly openSocket?: (netns: Netns, request: SocketRequest) => Promise<number>;
}

/**
 * A kernel in memory: namespaces, links, addresses, connected and static routes, rules, neighbours, namespace ids,
 * events. It answers with the errors of the real one. Not modelled: the local routing table, IPv6 link-local addresses,
 * counters, which sysctls exist.
 */
export class FakeNetlink implements Netlink {
  readonly namespaces: FakeNamespaces;
  /** Every op attempted, oldest first. */
  readonly attempted: { readonly netns: Netns; readonly op: Op }[] = [];
  /** Called before each op; assign it to make ops fail or wait. */
  intercept: Intercept | undefined;
  readonly options: FakeNetlinkOptions;
  readonly #unsupported: ReadonlySet<string>;
  #closed = false;

  constructor(options: FakeNetlinkOptions = {}) {
    this.options = options;
    this.#unsupported = new Set(options.unsupportedKinds);
    this.namespaces = new FakeNamespaces(options.namespaceDirectory ?? "/run/netns");
  }

  handle(netns: Netns = this.namespaces.current): Handle {
    this.#check();
    this.namespaces.stateOf(netns);
    return new FakeHandle(this, netns as FakeNetns);
  }

  async execute(steps: readonly Step[], options: BatchOptions = {}): Promise<readonly (readonly OpResult[])[]> {
    this.#check();
    throwIfAborted(options.signal, "a netlink request");
    const stop = (options.onError ?? "stop") === "stop";
    const results: OpResult[][] = [];
    let stopped = false;
    for (const { netns = this.namespaces.current, ops } of steps) {
      const own: OpResult[] = [];
      for (const op of ops) {
        const result: OpResult = stopped ? { ok: false, error: notAttempted(op) } : await this.#run(netns, op);
        own.push(result);
        stopped ||= stop && !result.ok;
      }
      results.push(own);
    }
    return results;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(netns: Netns, op: Op): Promise<OpResult> {
    this.attempted.push({ netns, op });
    try {
      const planned = await this.intercept?.(op, netns);
      if (planned) return { ok: false, error: planned };
      const state = this.namespaces.stateOf(netns);
      validateOp(op);
      return { ok: true, value: runOp(state, op, (other) => this.namespaces.stateOf(other), this.#unsupported) };
    } catch (error) {
      const where = netns === this.namespaces.current ? "" : ` in ${netns.label}`;
      if (error instanceof Refusal) return { ok: false, error: kernelError(op, error.failure, where) };
      if (isCodedError(error)) return { ok: false, error: invalidOp(op, error) };
      throw error;
    }
  }

  #check(): void {
    if (this.#closed) throw new CodedError("CLOSED", "netlink is closed");
  }
}

class FakeHandle extends BatchHandle {
  readonly netns: FakeNetns;
  readonly #netlink: FakeNetlink;
  readonly #monitors = new Set<Monitor>();
  #closed = false;

  constructor(netlink: FakeNetlink, netns: FakeNetns) {
    super();
    this.#netlink = netlink;
    this.netns = netns;
  }

  async batch<const Ops extends readonly Op[]>(ops: Ops, options: BatchOptions = {}): Promise<OpResults<Ops>> {
    this.#check();
    const [results] = await this.#netlink.execute([{ netns: this.netns, ops }], options);
    return results as unknown as OpResults<Ops>;
  }

  async monitor(options: MonitorOptions): Promise<Monitor> {
    this.#check();
    throwIfAborted(options.signal, "monitoring");
    const { subscriptions } = this.#netlink.namespaces.stateOf(this.netns);
    const queue = new EventQueue(options.queueLimit);
    const subscription: Subscription = {
      groups: new Set(options.groups),
      actions: options.actions ?? ["new", "delete"],
      queue,
    };
    const onAbort = (): void => void queue.close();
    queue.attach({
      ref: () => {},
      unref: () => {},
      close: () => {
        options.signal?.removeEventListener("abort", onAbort);
        subscriptions.delete(subscription);
        this.#monitors.delete(queue);
      },
    });
    subscriptions.add(subscription);
    this.#monitors.add(queue);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    return queue;
  }

  async ping(options: PingOptions): Promise<PingResult> {
    this.#check();
    const plan = planPing(options);
    throwIfAborted(options.signal, "ping");
    if (this.#netlink.options.ping) return this.#netlink.options.ping(this.netns, options);
    const arrives = reaches(this.#netlink.namespaces.stateOf(this.netns), options.destination);
    const received = arrives ? plan.count : 0;
    return { sent: plan.count, received, rttMs: new Array<number>(received).fill(0.1) };
  }

  async openSocket(request: SocketRequest, options: CallOptions = {}): Promise<number> {
    this.#check();
    throwIfAborted(options.signal, "opening a socket");
    if (this.#netlink.options.openSocket) return this.#netlink.options.openSocket(this.netns, request);
    throw new CodedError("UNSUPPORTED", "the fake kernel has no sockets; give FakeNetlink an openSocket option");
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const monitor of this.#monitors) await monitor.close();
  }

  #check(): void {
    if (this.#closed) throw new CodedError("CLOSED", `the handle of ${this.netns.label} is closed`);
  }
}
