import pkg from "../../../package.json" with { type: "json" };
import type { PlanStep } from "../spec/plan.ts";
import type { LabSpec } from "../spec/spec.ts";
import type { CheckResult } from "../supervisor/checks.ts";
import type { ProgressEvent } from "../supervisor/progress.ts";
import type { LabStatus } from "../supervisor/status-types.ts";

/** Both ends must be the same build: the socket carries plain JSON of our own types. */
export const protocolVersion = `${pkg.version}/1`;

/** What a command can ask of a lab's supervisor: one request a connection, JSON on a line. */
export interface Operations {
  status: { request: Record<never, never>; result: LabStatus };
  apply: { request: ApplyRequest; result: ApplyResult };
  check: { request: { readonly names?: readonly string[] }; result: readonly CheckResult[] };
  /** What it takes to run a program in a Pod or node as one of its containers. */
  enter: { request: { readonly target: string; readonly container?: string }; result: EnterResult };
  /** The agent of a Pod, of a microservice label, or the only one there is. */
  agent: { request: { readonly pod?: string; readonly label?: string }; result: AgentResult };
  /**
   * A connection from within a Pod to a port of an address, of a Service, or (port 0) to a "unix://" path. After the
   * result the socket is that connection.
   */
  connect: { request: { readonly pod: string; readonly host: string; readonly port: number }; result: null };
  down: { request: Record<never, never>; result: null };
}

export type OperationName = keyof Operations;

export interface ApplyRequest {
  readonly spec: LabSpec;
  /** Kept beside the lab, so that `apply` and `delete` can change single documents later. */
  readonly documents: readonly StoredDocument[];
  readonly dryRun: boolean;
  /** How long to wait until everything is configured, ms; 0 = not at all. */
  readonly waitMs: number;
}

export interface StoredDocument {
  readonly file: string;
  readonly value: unknown;
}

export interface ApplyResult {
  readonly plan: readonly PlanStep[];
  /** What was not in place when the wait was over. */
  readonly problems: readonly string[];
  /** Wall-clock ms of the supervisor's work. */
  readonly ms: number;
}

export interface AgentResult {
  readonly pod: string;
  readonly label: string;
  /** Endpoints of its etcd, as its Pod knows them; empty where it has none. */
  readonly etcd: readonly string[];
}

export interface EnterResult {
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
}

export type RequestLine = {
  [K in OperationName]: { readonly version: string; readonly operation: K } & Operations[K]["request"];
}[OperationName];

/** Every line of an answer; the last one is a result or an error. */
export type AnswerLine =
  | {
      readonly type: "progress";
      readonly event: ProgressEvent | { readonly type: "check"; readonly result: CheckResult };
    }
  | { readonly type: "result"; readonly value: unknown }
  | { readonly type: "error"; readonly code: string; readonly message: string };
