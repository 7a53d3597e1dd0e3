/** Runs the units of one job in order. */
import { SystemCallError } from "../os/errno.ts";
import type { LinkDeleter } from "./delete-links.ts";
import { LinkNames } from "./link-names.ts";
import type { Answer, Exchange } from "./netlink-socket.ts";
import { inNetns } from "./netns.ts";
import type { Job, Outcome, SendUnit, Unit, UnitFailure } from "./protocol.ts";
import { accessSysctl } from "./sysctl.ts";
import { addTap } from "./tap.ts";

/** Messages per send: the answers of all must fit into the default receive buffer of 208 KiB. */
const sendLimit = 100;
const replyWeight = 8;
const dumpAttempts = 4;

const failed = (outcome: Outcome | undefined): outcome is UnitFailure =>
  outcome !== null && outcome !== undefined && "errno" in outcome;

export interface JobSockets {
  /** The netlink socket of a namespace of the job, opened when first needed. */
  socket(ns: number): Exchange;
}

export class JobRun {
  readonly #job: Job;
  readonly #sockets: JobSockets;
  readonly #deleter: Pick<LinkDeleter, "delete">;
  readonly #names: LinkNames;
  readonly #outcomes: Outcome[];
  /** Adjoining sends that have not been sent. */
  #pending: { unit: SendUnit; index: number }[] = [];
  #weight = 0;
  /** Something among them makes or renames links: names mean what they will mean only after sending. */
  #namesInFlux = false;

  constructor(job: Job, sockets: JobSockets, deleter: Pick<LinkDeleter, "delete">) {
    this.#job = job;
    this.#sockets = sockets;
    this.#deleter = deleter;
    this.#names = new LinkNames(job, sockets);
    this.#outcomes = new Array<Outcome>(job.units.length).fill(null);
  }

  async run(): Promise<readonly Outcome[]> {
    const { units, stopOnError } = this.#job;
    let stoppedAt: number | undefined;
    for (const [index, unit] of units.entries()) {
      if (unit.undo) {
        this.#flush();
        this.#undo(index, unit);
        continue;
      }
      if (stoppedAt !== undefined) {
        this.#outcomes[index] = { skipped: true };
        continue;
      }
      await this.#start(index, unit);
      // Strictness costs one system call per op: nothing may follow a failure.
      if (stopOnError) this.#flush();
      if (stopOnError && failed(this.#outcomes[index])) stoppedAt = index;
    }
    this.#flush();
    return this.#outcomes;
  }

  async #start(index: number, unit: Unit): Promise<void> {
    try {
      if (unit.run === "send" && unit.answer !== "dump") {
        this.#queue(index, unit);
        return;
      }
      this.#flush();
      this.#outcomes[index] = await this.#runAlone(unit);
    } catch (error) {
      this.#outcomes[index] = failureOf(error);
    }
  }

  async #runAlone(unit: Unit): Promise<Outcome> {
    const ns = this.#job.namespaces[unit.ns];
    if (!ns) throw new Error("a unit without a namespace");
    switch (unit.run) {
      case "send":
        return (unit.fixups && this.#names.patch(unit.fixups)) ?? this.#dump(unit);
      case "delete": {
        const outcome = await this.#deleter.delete(ns, unit.links);
        this.#names.forget();
        return outcome;
      }
      case "sysctl":
        return { text: inNetns(ns, () => accessSysctl(unit.path, unit.value)) };
      case "tap":
        inNetns(ns, () => addTap(unit.tap));
        return null;
    }
  }

  #queue(index: number, unit: SendUnit): void {
    const last = this.#pending.at(-1)?.unit;
    // One send goes to one socket, and its messages must lie side by side.
    if (last && (last.ns !== unit.ns || last.end !== unit.start)) this.#flush();
    if (unit.fixups) {
      if (this.#namesInFlux && !this.#names.knows(unit.fixups)) this.#flush();
      const missing = this.#names.patch(unit.fixups);
      if (missing) {
        this.#outcomes[index] = missing;
        return;
      }
    }
    this.#pending.push({ unit, index });
    if (unit.creates || unit.renames) this.#namesInFlux = true;
    // Not only once it is sent: the messages that follow in the same send must not use the old meaning.
    if (unit.renames) this.#names.forget();
    this.#weight += unit.answer === "reply" ? replyWeight : 1;
    if (this.#weight >= sendLimit) this.#flush();
  }

  #flush(): void {
    const pending = this.#pending;
    const first = pending[0];
    if (!first) return;
    this.#pending = [];
    this.#weight = 0;
    this.#namesInFlux = false;
    try {
      const answers = this.#sockets.socket(first.unit.ns).exchange(
        this.#job.bytes,
        pending.map(({ unit }) => unit),
      );
      for (const [position, { unit, index }] of pending.entries()) {
        this.#outcomes[index] = outcomeOf(unit, answers[position]);
      }
    } catch (error) {
      for (const { index } of pending) this.#outcomes[index] = failureOf(error);
    }
  }

  #dump(unit: SendUnit): Outcome {
    const socket = this.#sockets.socket(unit.ns);
    for (let attempt = 1; ; attempt++) {
      const answer = socket.exchange(this.#job.bytes, [unit])[0];
      // A table that changed while it was read may lack entries: read it again, but not for ever.
      if (!answer?.interrupted || attempt === dumpAttempts) return outcomeOf(unit, answer);
    }
  }

  /** An op that failed half-way must leave nothing behind. */
  #undo(index: number, unit: Unit): void {
    let worked = false;
    let broke = false;
    for (let before = index - 1; this.#job.units[before]?.op === unit.op; before--) {
      const outcome = this.#outcomes[before];
      if (failed(outcome)) broke = true;
      else if (outcome === null) worked = true;
    }
    if (!worked || !broke || unit.run !== "send") return;
    this.#names.forget();
    try {
      this.#sockets.socket(unit.ns).exchange(this.#job.bytes, [unit]);
    } catch (error) {
      // The op's own failure is what the caller has to hear.
      failureOf(error);
    }
  }
}

function outcomeOf(unit: SendUnit, answer: Answer | undefined): Outcome {
  if (!answer) throw new Error("a message without an answer");
  const { ack, data, interrupted } = answer;
  if (ack.errno !== 0) {
    const { errno, message, offset } = ack;
    return { errno, ...(message === undefined ? {} : { message }), ...(offset === undefined ? {} : { offset }) };
  }
  if (unit.answer === "ack") return null;
  return { data, ...(interrupted ? { interrupted } : {}) };
}

export function failureOf(error: unknown): UnitFailure {
  if (error instanceof SystemCallError) return { errno: error.errno, doing: error.doing };
  throw error;
}
