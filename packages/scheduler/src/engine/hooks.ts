import type { Node } from "../graph/node.ts";
import type { Run } from "../transaction/run.ts";
import type { SouthboundCall } from "./call.ts";

/** On whose account something is done: a transaction, or a node that is in motion because of some. */
export interface Because {
  readonly waiters: readonly Run[];
  readonly cause: Run | undefined;
}

/** What happens around the engine. A dry run has none of it. */
export interface EngineHooks {
  /** State, error, value or availability of the node changed. */
  changed(node: Node): void;
  /** Metadata of a base value came, changed or (undefined) went. */
  metadata(node: Node): void;
  /** The node's operation failed and may be repeated. */
  retry(node: Node): void;
  /** A transaction for work that began when all that had asked for it were done. */
  followUp(node: Node, why: string): Run;
  /** An operation of the run failed or was refused. */
  failed(run: Run): void;
  /** Reads the node's base value back. False if that is impossible. */
  refresh(node: Node): boolean;
  /** A call began or ended. */
  called(call: SouthboundCall, what: "began" | "ended"): void;
}
