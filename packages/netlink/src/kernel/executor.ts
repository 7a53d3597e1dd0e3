/** Runs ops of several namespaces through the worker and turns its answers into results. */
import { type CodedError, isCodedError, throwIfAborted } from "@nsmkit/core";
import type { BatchOptions, OpResult } from "../api/netlink.ts";
import type { Op } from "../api/ops.ts";
import { ENOENT } from "../os/errno.ts";
import type { Outcome } from "../worker/protocol.ts";
import { decodeList, decodeReply, isList } from "./decode-op.ts";
import { interrupted, invalidOp, kernelError, notAttempted } from "./errors.ts";
import type { KernelNetns } from "./netns.ts";
import { JobPlan, type LeaseSocket } from "./plan.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Ops encoded and sent at once: more would hold up the event loop here and other callers in the worker. */
const opsPerJob = 256;

export interface PlacedOp {
  readonly netns: KernelNetns;
  readonly op: Op;
}

export class Executor {
  readonly #worker: WorkerClient;
  readonly #lease: LeaseSocket;

  constructor(worker: WorkerClient, lease: LeaseSocket) {
    this.#worker = worker;
    this.#lease = lease;
  }

  /** @returns one result per op. @throws CodedError ABORTED before anything was sent, CLOSED, INTERNAL */
  async run(ops: readonly PlacedOp[], options: BatchOptions): Promise<OpResult[]> {
    throwIfAborted(options.signal, "a netlink request");
    const stopOnError = (options.onError ?? "stop") === "stop";
    const results: OpResult[] = [];
    for (let from = 0; from < ops.length; from += opsPerJob) {
      const part = ops.slice(from, from + opsPerJob);
      const stopped = stopOnError && results.some((result) => !result.ok);
      results.push(...(stopped ? part.map(({ op }) => fail(notAttempted(op))) : await this.#runJob(part, stopOnError)));
    }
    return results;
  }

  async #runJob(ops: readonly PlacedOp[], stopOnError: boolean): Promise<OpResult[]> {
    const plan = new JobPlan(this.#lease);
    try {
      return await this.#runPlan(plan, ops, stopOnError);
    } finally {
      plan.release();
    }
  }

  async #runPlan(plan: JobPlan, ops: readonly PlacedOp[], stopOnError: boolean): Promise<OpResult[]> {
    const refused = new Map<number, CodedError>();
    for (const [index, { netns, op }] of ops.entries()) {
      try {
        plan.add(netns, op, index);
      } catch (error) {
        if (!isCodedError(error)) throw error;
        refused.set(index, invalidOp(op, error));
        // What comes before an invalid op is done, as if the kernel had refused it.
        if (stopOnError) break;
      }
    }
    const outcomes = await this.#send(plan, stopOnError);
    const byOp = outcomesByOp(plan, outcomes);
    const results: OpResult[] = [];
    let stopped = false;
    for (const [index, placed] of ops.entries()) {
      const error = refused.get(index);
      if (error && !stopped) results.push(fail(error));
      else if (stopped) results.push(fail(notAttempted(placed.op)));
      else results.push(await resultOf(placed, byOp.get(index) ?? []));
      stopped ||= stopOnError && !results.at(-1)?.ok;
    }
    return results;
  }

  async #send(plan: JobPlan, stopOnError: boolean): Promise<readonly Outcome[]> {
    if (plan.units.length === 0) return [];
    const job = plan.job(stopOnError);
    return this.#worker.call({ call: "job", job }, [job.bytes.buffer as ArrayBuffer]);
  }
}

const fail = (error: CodedError): OpResult => ({ ok: false, error });

function outcomesByOp(plan: JobPlan, outcomes: readonly Outcome[]): Map<number, Outcome[]> {
  const byOp = new Map<number, Outcome[]>();
  for (const [index, unit] of plan.units.entries()) {
    if (unit.undo) continue;
    const list = byOp.get(unit.op);
    if (list) list.push(outcomes[index] ?? null);
    else byOp.set(unit.op, [outcomes[index] ?? null]);
  }
  return byOp;
}

async function resultOf({ op, netns }: PlacedOp, outcomes: readonly Outcome[]): Promise<OpResult> {
  let value: unknown;
  for (const outcome of outcomes) {
    if (outcome === null) continue;
    if ("skipped" in outcome) return fail(notAttempted(op));
    if ("errno" in outcome) return failure(op, netns, outcome);
    try {
      value = await readOutcome(op, outcome);
    } catch (error) {
      if (isCodedError(error)) return fail(error);
      throw error;
    }
  }
  return { ok: true, value };
}

function failure(op: Op, netns: KernelNetns, outcome: Extract<Outcome, { errno: number }>): OpResult {
  // A table that nobody has used yet does not exist for the kernel, and is an empty one for everybody else.
  if (op.op === "routeList" && outcome.errno === ENOENT) return { ok: true, value: [] };
  return fail(kernelError(op, outcome, netns.isCurrent ? "" : ` in ${netns.label}`));
}

async function readOutcome(op: Op, outcome: Extract<Outcome, { data: unknown } | { text: string }>): Promise<unknown> {
  if ("text" in outcome) return op.op === "sysctlGet" ? outcome.text : undefined;
  if (!isList(op)) return decodeReply(op, outcome.data);
  const list = await decodeList(op, outcome.data);
  if (outcome.interrupted) throw interrupted(op, list);
  return list;
}
