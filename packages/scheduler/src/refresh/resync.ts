import { CodedError, type Logger } from "@nsmkit/core";
import type { RetrievedValue } from "../descriptor.ts";
import type { Deadlines } from "../engine/deadlines.ts";
import type { Engine } from "../engine/engine.ts";
import type { Node } from "../graph/node.ts";
import type { DescriptorRegistry, RegisteredDescriptor } from "../registry.ts";
import { touchInOrder, wantValues } from "../transaction/apply.ts";
import type { Run, RunValue } from "../transaction/run.ts";
import type { ResyncKind } from "../transaction.ts";
import type { ValueOrigin } from "../value.ts";
import { found, missing } from "./found.ts";
import { correlateExisting } from "./refresher.ts";
import { Retrieval } from "./retrieve.ts";

export interface ResyncDeps {
  readonly engine: Engine;
  readonly registry: DescriptorRegistry;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  originOf(key: string): ValueOrigin;
}

/** What northbound wants now, for a downstream resync; and deletes for what it has stopped wanting. */
export function resyncValues(engine: Engine, kind: ResyncKind, given: readonly RunValue[]): RunValue[] {
  if (kind === "downstream" && given.length > 0) {
    throw new CodedError("INVALID_ARGUMENT", "a downstream resync takes its values from the scheduler; pass none");
  }
  const values = [...given];
  const named = new Set(given.map((value) => value.key));
  for (const node of engine.graph.nodes.values()) {
    if (node.base || node.origin !== "NB" || named.has(node.key)) continue;
    if (kind === "downstream" && node.wanted !== undefined) {
      values.push({ key: node.key, value: node.wanted, origin: "NB" });
    } else if (node.wanted !== undefined || node.exists) {
      values.push({ key: node.key, value: undefined, origin: "NB" });
    }
  }
  return values;
}

/**
 * A resync with a read of the southbound. Each descriptor is read as soon as those it names as retrieve dependencies
 * have been; its values are held until then and worked on right after, whatever the others do.
 */
export class Resync {
  readonly #deps: ResyncDeps;
  readonly #run: Run;
  readonly #values: readonly RunValue[];
  readonly #first: boolean;
  readonly #retrievals = new Set<Retrieval>();
  readonly #done = new Map<RegisteredDescriptor, Promise<void>>();

  /** @param first nothing has been read before: descriptors compare with what northbound wants */
  constructor(deps: ResyncDeps, run: Run, values: readonly RunValue[], first: boolean) {
    this.#deps = deps;
    this.#run = run;
    this.#values = values;
    this.#first = first;
  }

  start(): void {
    const { engine, registry } = this.#deps;
    const readable = registry.retrieveOrder().filter(({ descriptor }) => descriptor.retrieve);
    const held = new Map<RegisteredDescriptor, Node[]>(readable.map((registered) => [registered, []]));
    const nodes = wantValues(engine, this.#run, this.#values);
    for (const node of nodes) {
      const list = node.descriptor && held.get(node.descriptor);
      if (!list) continue;
      engine.hold(node);
      list.push(node);
    }
    touchInOrder(engine, nodes, () => this.#run);
    for (const registered of readable) {
      this.#run.holds++;
      this.#done.set(registered, this.#refresh(registered, held.get(registered) ?? []));
    }
  }

  async #refresh(registered: RegisteredDescriptor, held: readonly Node[]): Promise<void> {
    const { engine, logger } = this.#deps;
    const earlier = registered.descriptor.retrieveDependencies ?? [];
    await Promise.all(earlier.map((name) => this.#done.get(this.#deps.registry.get(name) as RegisteredDescriptor)));
    let foundToo: readonly Node[] = [];
    try {
      if (engine.closed) return;
      foundToo = await this.#read(registered);
    } catch (error) {
      logger.warn("reading values failed; this descriptor is not refreshed", { descriptor: registered.name, error });
    } finally {
      for (const node of held) engine.letGo(node);
      // A held node may meanwhile belong to a later transaction.
      touchInOrder(engine, [...held, ...foundToo], (node) => (node.waiters.length > 0 ? node : this.#run));
      this.#run.holds--;
      engine.checkDone(this.#run);
      engine.drain();
    }
  }

  async #read(registered: RegisteredDescriptor): Promise<readonly Node[]> {
    const { engine, deadlines } = this.#deps;
    const { since, end } = engine.graph.beginRead();
    const retrieval = new Retrieval(registered, { correlate: this.#correlate(registered) }, deadlines);
    this.#retrievals.add(retrieval);
    try {
      const values = await retrieval.result;
      return engine.closed ? [] : this.#take(registered, values, since);
    } finally {
      this.#retrievals.delete(retrieval);
      end();
    }
  }

  #correlate(registered: RegisteredDescriptor): RetrievedValue[] {
    if (!this.#first) return correlateExisting(this.#deps.engine.graph.baseNodes(registered));
    const correlate: RetrievedValue[] = [];
    for (const { key, value, origin } of this.#values) {
      if (value !== undefined && registered.selects(key)) correlate.push({ key, value, origin });
    }
    return correlate;
  }

  /** @returns nodes of other values than those of the transaction: what is ours but not wanted, what is southbound's */
  #take(registered: RegisteredDescriptor, values: readonly RetrievedValue[], since: number): Node[] {
    const { engine, logger, originOf } = this.#deps;
    const run = this.#run;
    const seen = new Map<string, RetrievedValue>();
    for (const value of values) {
      const problem = problemWith(value, registered, seen);
      if (problem)
        logger.warn("a retrieved value was ignored", { descriptor: registered.name, key: value.key, problem });
      else seen.set(value.key, value);
    }
    if (run.verbose) {
      const read = [...seen.values()].map(({ key, origin = "UNKNOWN" }) => ({ key, origin }));
      logger.info("values read", { descriptor: registered.name, transaction: run.seqNum, values: read });
    }
    const finding = {
      since,
      intent: run.intent,
      originOf: (value: RetrievedValue) =>
        value.origin && value.origin !== "UNKNOWN" ? value.origin : originOf(value.key),
      tolerated: (owner: Node) => (owner.base ?? owner).descriptor?.descriptor.retrieve !== undefined,
    };
    for (const node of engine.graph.baseNodes(registered)) {
      if (seen.has(node.key)) continue;
      engine.touch(node, run);
      missing(engine, node, finding);
    }
    const others: Node[] = [];
    for (const value of [...seen.values()].sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const node = engine.graph.ensure(value.key);
      engine.join(node, run.waiters);
      if (!node.cause || node.cause.closed) node.cause = run;
      found(engine, value, finding);
      if (node.held === 0) others.push(node);
    }
    return others;
  }

  close(): void {
    for (const retrieval of this.#retrievals) retrieval.abort(new CodedError("CLOSED", "the scheduler is closing"));
  }
}

function problemWith(
  value: RetrievedValue,
  registered: RegisteredDescriptor,
  seen: ReadonlyMap<string, RetrievedValue>,
): string | undefined {
  if (value.value === undefined || value.value === null) return "it has no value";
  if (seen.has(value.key)) return "it was returned twice";
  if (!registered.selects(value.key)) return "the key is outside the descriptor's key space";
  return undefined;
}
