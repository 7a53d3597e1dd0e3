import type { AnswerLine } from "../control/protocol.ts";
import type { CommandIo } from "../io.ts";
import type { PlanStep } from "../spec/plan.ts";

type Event = Extract<AnswerLine, { type: "progress" }>["event"];

export interface ProgressOptions {
  /** Print the plan before it is carried out. */
  readonly plan: boolean;
}

/** Prints phases as they end, each with its time; on a terminal also what is going on now. */
export function progressPrinter(io: CommandIo, options: ProgressOptions): (event: Event) => void {
  const running = new Map<string, string>();
  const live = io.stderr.isTTY === true;
  const showRunning = (): void => {
    if (live && running.size > 0) io.stderr.write(`\r\x1b[K  … ${[...running.values()].join(", ")}`);
  };
  return (event) => {
    if (live) io.stderr.write("\r\x1b[K");
    if (event.type === "plan") {
      if (options.plan) io.stdout.write(planText(event.plan));
    } else if (event.type === "phase") {
      if (event.state === "started") running.set(event.phase, event.phase);
      else {
        running.delete(event.phase);
        const mark = event.state === "done" ? "✔" : "✖";
        io.stderr.write(`  ${mark} ${event.phase.padEnd(14)} ${milliseconds(event.ms).padStart(8)}  ${event.detail}\n`);
      }
    } else if (event.type === "note") io.stderr.write(`  ${event.text}\n`);
    showRunning();
  };
}

export function milliseconds(ms: number): string {
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;
}

const signs = { create: "+", update: "~", replace: "±", delete: "-" } as const;

export function planText(plan: readonly PlanStep[]): string {
  if (plan.length === 0) return "Nothing to do: the lab is as declared.\n";
  return plan
    .map(
      ({ action, kind, name, reason }) =>
        `  ${signs[action]} ${action} ${kind} ${name}${reason ? ` (${reason})` : ""}\n`,
    )
    .join("");
}
