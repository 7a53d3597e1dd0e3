import type { Logger } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import type { Nsm } from "../status/status.ts";

/** What an operator did to an object, for events. */
export interface Deed {
  readonly verb: "created" | "updated" | "recreated" | "removed";
  readonly object: UnknownObject;
  /** The field that differed, or why it went. */
  readonly because: string;
}

/** One look at one mesh. */
export interface Pass {
  /** As it was last written. */
  readonly nsm: Nsm;
  /** The label of its objects. */
  readonly label: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** What was done so far. */
  readonly deeds: readonly Deed[];
  did(deed: Deed): void;
  /** Writes what disturbs into the plan of the status before it is carried out. */
  announce(steps: readonly string[]): Promise<void>;
}
