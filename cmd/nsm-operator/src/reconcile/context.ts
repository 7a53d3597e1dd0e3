import type { Logger } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import type { Nsm } from "../status/status.ts";

/** What an operator did to an object, for events and the history. */
export interface Deed {
  readonly verb: "created" | "updated" | "recreated" | "removed";
  readonly object: UnknownObject;
  /** The field that differed, or why it went. */
  readonly because: string;
}

/** One look at one mesh. */
export interface Pass {
  readonly nsm: Nsm;
  /** The label of its objects. */
  readonly label: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Keeps what was done, for events. */
  readonly deeds: Deed[];
  /** Writes plans into the status before they are carried out. */
  readonly announce: (plan: readonly string[]) => Promise<void>;
}
