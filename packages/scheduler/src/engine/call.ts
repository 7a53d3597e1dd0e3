import type { CodedError } from "@nsmkit/core";
import type { CallOptions } from "../descriptor.ts";
import type { DepSet } from "../graph/dependency.ts";
import type { Node } from "../graph/node.ts";
import type { Run } from "../transaction/run.ts";
import type { ValueState } from "../value.ts";

export type CallOperation = "CREATE" | "UPDATE" | "DELETE";

/** The options of one call. The signal is made when it is first asked for: most calls never look at it. */
export class CallScope implements CallOptions {
  #controller: AbortController | undefined;
  #reason: CodedError | undefined;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  static abort(scope: CallScope, reason: CodedError): void {
    scope.#reason ??= reason;
    scope.#controller?.abort(reason);
  }
}

/**
 * One operation on one value, from the decision to its outcome. It is itself what the descriptor gets as options, of
 * which only the signal is its business: with ten thousand values, one object less each is worth it.
 */
export class SouthboundCall extends CallScope {
  readonly operation: CallOperation;
  readonly node: Node;
  /** CREATE, UPDATE: what to put there. DELETE: what is there. */
  readonly value: unknown;
  /** Dependencies that the new value relies on. */
  readonly needs: DepSet;
  readonly claims: readonly string[];
  /** The transaction that the operation is recorded with. */
  run: Run;
  readonly prevState: ValueState;
  readonly prevValue: unknown;
  readonly prevError: unknown;
  readonly recreate: boolean;
  /** The descriptor has been called (it may have had to wait for its turn). */
  begun = false;
  /** Set when the outcome is not wanted any more. */
  aborted: CodedError | undefined = undefined;
  /** Its time was up, it was reported as failed, and it has still not returned. */
  overdue = false;
  startedMs = 0;
  /** Settles when the descriptor's promise has. */
  returned: Promise<void> | undefined = undefined;
  cancelDeadline: (() => void) | undefined = undefined;
  leaveGate: (() => void) | undefined = undefined;

  constructor(operation: CallOperation, node: Node, run: Run) {
    super();
    const before = node.beforeWaiting;
    const putting = operation !== "DELETE";
    this.operation = operation;
    this.node = node;
    this.value = putting ? node.wanted : node.value;
    this.needs = putting ? node.needs : node.bound;
    this.claims = putting ? node.wantedClaims : node.claims;
    this.run = run;
    this.prevState = before?.state ?? node.state;
    this.prevValue = node.exists ? node.value : undefined;
    this.prevError = before ? before.error : node.error;
    this.recreate = node.recreating;
  }

  cancel(reason: CodedError): void {
    if (this.aborted) return;
    this.aborted = reason;
    CallScope.abort(this, reason);
  }
}
