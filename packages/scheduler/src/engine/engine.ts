import { CodedError, type Logger } from "@nsmkit/core";
import { waitingInCycle } from "../graph/cycle.ts";
import { Graph } from "../graph/graph.ts";
import { type Before, type Intent, type Node, noRuns } from "../graph/node.ts";
import type { DescriptorRegistry } from "../registry.ts";
import type { OpRecord, Run } from "../transaction/run.ts";
import type { TxnOperation, ValueOrigin, ValueState } from "../value.ts";
import type { SouthboundCall } from "./call.ts";
import type { Deadlines } from "./deadlines.ts";
import { decide } from "./decide.ts";
import type { Because, EngineHooks } from "./hooks.ts";
import type { Southbound } from "./southbound.ts";

export interface EngineDeps {
  readonly registry: DescriptorRegistry;
  readonly southbound: Southbound;
  readonly hooks: EngineHooks;
  readonly deadlines: Deadlines | undefined;
  readonly logger: Logger;
  /** Called when nothing is left to decide for now, with the runs that may be done. */
  drained(idle: readonly Run[]): void;
}

type Transition = Omit<OpRecord, "key" | "descriptor" | "newState" | "derived" | "property" | "revert">;

/** Even in a circle of a thousand values none is looked at this often without anything happening in between. */
const decisionsPerDrain = 10_000;

/** States that say nothing about a new attempt. */
const overtaken: ReadonlySet<ValueState> = new Set([
  "NONEXISTENT",
  "REMOVED",
  "MISSING",
  "UNIMPLEMENTED",
  "INVALID",
  "FAILED",
]);

const nobody: Because = { waiters: noRuns, cause: undefined };

/**
 * Brings the southbound to what is wanted, key by key. The graph is only ever changed synchronously; whenever
 * something a node stands on, is derived from or waits for changes, the node is touched, and `decide` looks at it once
 * and begins at most one call for it. There is no worker and no lock: a call that does not return keeps exactly its
 * own node, and whoever needs that node, in motion.
 */
export class Engine {
  readonly graph: Graph;
  readonly southbound: Southbound;
  readonly hooks: EngineHooks;
  readonly deadlines: Deadlines | undefined;
  readonly logger: Logger;
  readonly #drained: (idle: readonly Run[]) => void;
  readonly #stack: Node[] = [];
  readonly #idle = new Set<Run>();
  readonly calls = new Set<SouthboundCall>();
  #draining = false;
  #drains = 0;
  /** Nodes in motion, and holds on nodes: when nothing is called or held, nothing can be in motion. */
  #moving = 0;
  #holds = 0;
  closed = false;

  constructor(deps: EngineDeps) {
    this.graph = new Graph(deps.registry, (node, because) => this.touch(node, because));
    this.southbound = deps.southbound;
    this.hooks = deps.hooks;
    this.deadlines = deps.deadlines;
    this.logger = deps.logger;
    this.#drained = deps.drained;
  }

  /** Looks at the node soon. Last touched is looked at first, so that work goes depth first. */
  touch(node: Node, because: Because = nobody): void {
    this.join(node, because.waiters);
    const { cause } = because;
    if (cause && !(node.cause && !node.cause.closed && node.cause.seqNum > cause.seqNum)) node.cause = cause;
    if (!node.inMotion) this.#moving++;
    node.inMotion = true;
    // Whoever lets go of a held node touches it.
    if (node.dirty || node.held > 0) return;
    node.dirty = true;
    this.#stack.push(node);
  }

  /** The runs are not done before the node is at rest. */
  join(node: Node, runs: readonly Run[]): void {
    if (runs === node.waiters) return;
    const added = node.waiters.length === 0 ? runs : runs.filter((run) => !node.waiters.includes(run));
    if (added.length === 0) return;
    node.waiters = node.waiters.length === 0 ? runs : [...node.waiters, ...added];
    for (const run of added) run.open.add(node);
  }

  /** Nothing is decided about the node until `letGo`. */
  hold(node: Node): void {
    node.held++;
    this.#holds++;
  }

  /** The caller touches the node. */
  letGo(node: Node): void {
    node.held--;
    this.#holds--;
  }

  /** Nothing more is going to happen to the node by itself. */
  rest(node: Node): void {
    if (node.inMotion) this.#moving--;
    node.inMotion = false;
    node.awaiting = false;
    this.leaveRuns(node);
    if (!node.available) {
      for (const { set, met } of node.dependants ?? []) {
        const { owner } = set;
        // One that exists in spite of lacking this node does so because of a circle, which may be one no more.
        const inDoubt = node.unsettledCircle && owner?.mayCycle && owner.exists && !owner.leaving && !met;
        if (owner?.awaiting || (owner && inDoubt)) this.touch(owner);
      }
    }
    node.unsettledCircle = false;
    for (const member of waitingInCycle(node)) this.touch(member);
    if (node.exists && (node.leaving || node.failure?.operation === "DELETE")) this.#tellWhoWaits(node);
    if (node.claims.length > 0) {
      for (const waiter of this.graph.claims.waitersFor(node)) if (waiter.inMotion) this.touch(waiter);
    }
  }

  /** The node could not be removed for now: those that wait for that should not pretend to be busy. */
  #tellWhoWaits(node: Node): void {
    const waiting = node.bound.deps.flatMap(({ support }) => (support?.leaving ? [support] : []));
    for (const other of node.base ? [node.base, ...waiting] : waiting) {
      other.someStuck = true;
      if (other.inMotion) this.touch(other);
    }
  }

  leaveRuns(node: Node): void {
    for (const run of node.waiters) {
      run.open.delete(node);
      if (run.isDone) this.#idle.add(run);
    }
    node.waiters = noRuns;
  }

  /** The run may be done although no node of it came to rest. */
  checkDone(run: Run): void {
    if (run.isDone) this.#idle.add(run);
  }

  /** Decides for every touched node. Does nothing when called from inside itself. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#drains++;
    this.#decideAll();
    if (this.#moving > 0 && this.calls.size === 0 && this.#holds === 0 && !this.closed) {
      this.#breakDeadlock();
      this.#decideAll();
    }
    this.#draining = false;
    const idle = [...this.#idle];
    this.#idle.clear();
    this.#drained(idle);
  }

  #decideAll(): void {
    for (let node = this.#stack.pop(); node; node = this.#stack.pop()) {
      node.dirty = false;
      node.awaiting = false;
      if (this.#isRunningWild(node)) this.#giveUp([node], `${node.key} does not come to rest`);
      else this.contain(node, () => decide(this, node));
    }
  }

  /** Values that keep touching each other would keep the program from everything else. */
  #isRunningWild(node: Node): boolean {
    node.decided = node.decidedIn === this.#drains ? node.decided + 1 : 1;
    node.decidedIn = this.#drains;
    return node.decided > decisionsPerDrain;
  }

  /**
   * Values wait although nothing is under way that they could wait for. That would be a mistake of ours; it must not
   * keep their transactions open for ever.
   */
  #breakDeadlock(): void {
    const stuck = [...this.graph.nodes.values()].filter((node) => node.inMotion);
    this.#giveUp(stuck, `these values wait for each other: ${stuck.map(({ key }) => key).join(", ")}`);
    for (const node of stuck) this.rest(node);
  }

  #giveUp(nodes: readonly Node[], why: string): void {
    this.logger.error("values cannot be decided about", { keys: nodes.map(({ key }) => key), why });
    const error = new CodedError("INTERNAL", why);
    for (const node of nodes) {
      node.awaiting = false;
      this.setState(node, "FAILED", error);
      this.reportError(node.cause, node, "UNDEFINED", error);
      if (node.inMotion) this.#moving--;
      node.inMotion = false;
      this.leaveRuns(node);
    }
  }

  /** A descriptor's pure function may throw where it must not, or a rule of ours be broken: this value alone suffers. */
  contain(node: Node, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.logger.error("deciding about a value failed", { key: node.key, error });
      this.setState(node, "FAILED", error);
      node.cause?.errors.push({ key: node.key, operation: "UNDEFINED", error });
      this.rest(node);
    }
  }

  /** The open transaction to which what is done to the node now belongs. */
  runFor(node: Node, why: string): Run {
    if (node.cause && !node.cause.closed) return node.cause;
    const run = this.hooks.followUp(node, why);
    node.cause = run;
    this.join(node, run.waiters);
    return run;
  }

  /** Changes what is wanted. The caller touches the node. */
  want(node: Node, value: unknown, origin: ValueOrigin, intent: Intent): void {
    const { base } = node;
    if (base && (value === undefined) !== (node.wanted === undefined)) {
      if (value === undefined) base.derivedLeaving++;
      else if (!node.givenUp) base.derivedLeaving--;
    }
    node.givenUp = false;
    if (node.wanted !== value || node.origin !== origin) node.resolved = false;
    if (!base) this.graph.list(node);
    if (value === undefined && node.available) this.graph.retire(node);
    node.unsettledCircle = true;
    node.wanted = value;
    node.origin = origin;
    node.intent = intent;
    node.failure = undefined;
    node.attempts = 0;
    node.retryOnReturn = false;
    node.handBack = false;
  }

  setState(node: Node, state: ValueState, error: unknown = undefined): void {
    if (node.state === state && node.error === error) return;
    node.unsettledCircle = true;
    node.state = state;
    node.error = error;
    this.hooks.changed(node);
  }

  /** A value that is not there yet shows as PENDING while something is under way, not as whatever was before. */
  showWaiting(node: Node): void {
    if (node.exists || !overtaken.has(node.state)) return;
    node.beforeWaiting = { state: node.state, value: undefined, error: node.error };
    this.setState(node, "PENDING");
  }

  /** Notes in the record of the current transaction that nothing had to be, or could be, called. */
  recordNoop(node: Node, operation: TxnOperation, prev: Before, newError: unknown = undefined): void {
    const newValue = node.wanted;
    const { state: prevState, value: prevValue, error: prevError } = prev;
    const op = { operation, newValue, newError, prevState, prevValue, prevError, noop: true, recreate: false };
    this.record(node.cause, node, op);
  }

  /** Notes an operation in the record of a transaction. */
  record(run: Run | undefined, node: Node, op: Transition): void {
    node.lastOperation = op.operation;
    if (!run || run.closed) return;
    run.record({
      operation: op.operation,
      key: node.key,
      descriptor: node.descriptor,
      newState: node.state,
      newValue: op.newValue,
      newError: op.newError,
      prevState: op.prevState,
      prevValue: op.prevValue,
      prevError: op.prevError,
      noop: op.noop,
      derived: node.base !== undefined,
      property: node.isProperty,
      revert: node.intent?.revert ?? false,
      recreate: op.recreate,
    });
  }

  /** An operation failed or was refused. */
  reportError(run: Run | undefined, node: Node, operation: TxnOperation, error: unknown): void {
    if (!run || run.closed) return;
    run.errors.push({ key: node.key, operation, error });
    this.hooks.failed(run);
  }

  /** Resolves when no call is running. */
  async callsEnded(): Promise<void> {
    while (this.calls.size > 0) await Promise.allSettled([...this.calls].map((call) => call.returned));
  }

  /** Cancels what runs and decides nothing any more. */
  close(): void {
    this.closed = true;
    for (const call of this.calls) call.cancel(new CodedError("CLOSED", "the scheduler is closing"));
  }
}
