import type { Addr, Link, Neigh, Route, Rule } from "./objects.ts";

export type MonitorGroup = "link" | "addr" | "route" | "rule" | "neigh" | "nsid";

export type MonitorAction = "new" | "delete";

export type MonitorEvent =
  | { readonly type: "link"; readonly action: "new" | "delete"; readonly link: Link }
  | { readonly type: "addr"; readonly action: "new" | "delete"; readonly addr: Addr }
  | { readonly type: "route"; readonly action: "new" | "delete"; readonly route: Route }
  | { readonly type: "rule"; readonly action: "new" | "delete"; readonly rule: Rule }
  | { readonly type: "neigh"; readonly action: "new" | "delete"; readonly neigh: Neigh }
  | { readonly type: "nsid"; readonly action: "new" | "delete"; readonly nsid: number }
  /** Changes were lost, in the kernel's buffer or in ours: read everything again. */
  | { readonly type: "overrun" };

export interface MonitorOptions {
  readonly groups: readonly MonitorGroup[];
  /** Only these changes; default both. What is left out costs next to nothing. `overrun` is told in any case. */
  readonly actions?: readonly MonitorAction[];
  /** Ends the subscription; iteration then stops without an error. */
  readonly signal?: AbortSignal;
  /** Events kept for a consumer that is behind; beyond it they are dropped and one `overrun` is told. Default 16,384. */
  readonly queueLimit?: number;
  /** Bytes that the kernel keeps while this thread is busy; default 8 MiB, some thousand link events. */
  readonly receiveBufferBytes?: number;
}
