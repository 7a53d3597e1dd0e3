import type { PlanStep } from "../spec/plan.ts";

/** What is told to the person who waits. */
export type ProgressEvent =
  | { readonly type: "plan"; readonly plan: readonly PlanStep[] }
  | { readonly type: "phase"; readonly phase: string; readonly detail: string; readonly state: "started" }
  | {
      readonly type: "phase";
      readonly phase: string;
      readonly detail: string;
      readonly state: "done" | "failed";
      readonly ms: number;
    }
  | { readonly type: "note"; readonly text: string };

/** Tells and times the phases of an operation. */
export class Progress {
  readonly #tell: (event: ProgressEvent) => void;

  constructor(tell: (event: ProgressEvent) => void) {
    this.#tell = tell;
  }

  async phase<T>(phase: string, detail: string, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    this.#tell({ type: "phase", phase, detail, state: "started" });
    try {
      const result = await work();
      this.#tell({ type: "phase", phase, detail, state: "done", ms: performance.now() - startedMs });
      return result;
    } catch (error) {
      this.#tell({ type: "phase", phase, detail, state: "failed", ms: performance.now() - startedMs });
      throw error;
    }
  }

  plan(plan: readonly PlanStep[]): void {
    this.#tell({ type: "plan", plan });
  }

  note(text: string): void {
    this.#tell({ type: "note", text });
  }
}
