import { CodedError, type Logger } from "@nsmkit/core";
import type { RetrievedValue } from "../descriptor.ts";
import type { Deadlines } from "../engine/deadlines.ts";
import type { Engine } from "../engine/engine.ts";
import type { Node } from "../graph/node.ts";
import type { RegisteredDescriptor } from "../registry.ts";
import type { ValueOrigin } from "../value.ts";
import { type Finding, found, missing } from "./found.ts";
import { Retrieval } from "./retrieve.ts";

/** Reads of one descriptor that run beside each other, so that one that hangs does not hold up all later ones. */
const readsAtOnce = 4;

interface Batch {
  /** Base nodes to read. */
  readonly bases: Set<Node>;
  /** Nodes that wait for it. */
  readonly held: Node[];
}

export interface RefresherDeps {
  readonly engine: Engine;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  originOf(key: string): ValueOrigin;
}

/**
 * Finds out what failed and unfinished operations really did, key by key. Requests that come while others are being
 * read are collected, so that a thousand failures do not become a thousand reads.
 */
export class Refresher {
  readonly #deps: RefresherDeps;
  readonly #waiting = new Map<RegisteredDescriptor, Batch>();
  readonly #running = new Map<RegisteredDescriptor, Set<Retrieval>>();
  #closed = false;

  constructor(deps: RefresherDeps) {
    this.#deps = deps;
  }

  /** Nothing is decided about the node before its base value has been read. False if it cannot be read. */
  request(node: Node): boolean {
    const base = node.base ?? node;
    const registered = base.descriptor;
    if (this.#closed || !registered?.descriptor.retrieve || base.origin === "SB") return false;
    this.#deps.engine.hold(node);
    const batch = this.#waiting.get(registered);
    if (batch) {
      batch.bases.add(base);
      batch.held.push(node);
      return true;
    }
    this.#waiting.set(registered, { bases: new Set([base]), held: [node] });
    queueMicrotask(() => this.#next(registered));
    return true;
  }

  #next(registered: RegisteredDescriptor): void {
    const batch = this.#waiting.get(registered);
    const running = this.#running.get(registered) ?? new Set();
    if (!batch || this.#closed || running.size >= readsAtOnce) return;
    this.#waiting.delete(registered);
    this.#running.set(registered, running);
    void this.#read(registered, batch, running);
  }

  async #read(registered: RegisteredDescriptor, batch: Batch, running: Set<Retrieval>): Promise<void> {
    const { engine, deadlines, logger } = this.#deps;
    const { since, end } = engine.graph.beginRead();
    const keys = [...batch.bases].map((node) => node.key).sort();
    const retrieval = new Retrieval(registered, { keys, correlate: correlateExisting(batch.bases) }, deadlines);
    running.add(retrieval);
    try {
      const values = await retrieval.result;
      if (!this.#closed) this.#take(registered, batch, values, since);
    } catch (error) {
      logger.warn("reading values back failed; their last known state is kept", { descriptor: registered.name, error });
      for (const node of batch.held) assumeWorst(node);
    } finally {
      end();
      running.delete(retrieval);
      for (const node of batch.held) {
        engine.letGo(node);
        engine.touch(node, node);
      }
      if (!this.#closed) {
        engine.drain();
        this.#next(registered);
      }
    }
  }

  #take(registered: RegisteredDescriptor, batch: Batch, values: readonly RetrievedValue[], since: number): void {
    const { engine, originOf } = this.#deps;
    const byKey = new Map(values.map((value) => [value.key, value]));
    for (const base of batch.bases) {
      const intent = base.intent;
      if (!intent) continue;
      const finding: Finding = { since, intent, originOf: (value) => value.origin ?? originOf(value.key) };
      const value = byKey.get(base.key);
      if (value && registered.selects(value.key) && value.value !== undefined) found(engine, value, finding);
      else missing(engine, base, finding);
    }
  }

  close(): void {
    this.#closed = true;
    for (const running of this.#running.values()) {
      for (const retrieval of running) retrieval.abort(new CodedError("CLOSED", "the scheduler is closing"));
    }
  }
}

/** What is believed to exist, for a descriptor to compare with. */
export function correlateExisting(nodes: Iterable<Node>): RetrievedValue[] {
  const correlate: RetrievedValue[] = [];
  for (const node of nodes) {
    if (!node.exists || node.base) continue;
    correlate.push({ key: node.key, value: node.value, metadata: node.metadata, origin: node.origin });
  }
  return correlate;
}

/** Neither the operation nor the read told what is there now. */
function assumeWorst(node: Node): void {
  const operation = node.failure?.operation;
  if (node.exists && (operation === "UPDATE" || operation === "DELETE")) node.uncertain = operation;
}
