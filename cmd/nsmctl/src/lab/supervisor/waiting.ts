import { existsSync } from "node:fs";
import { abortError } from "@nsmkit/core";
import { agentProblems } from "./agent-probe.ts";
import type { RunningLab } from "./lab.ts";
import { hasBegun } from "./sandbox.ts";
import { programStatus } from "./status.ts";

const pollMs = 25;

/** Tells waiters that something changed, so that they look again at once. */
export class Changes {
  #waiters = new Set<() => void>();

  readonly tell = (): void => {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  };

  /** Resolves at the next change, or after `ms`. */
  next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiters.add(wake);
    });
  }
}

/**
 * Waits until `problems` finds none.
 * @returns what is left when the time is over; empty when all is well
 */
export async function waitUntilNone(
  problems: () => Promise<string[]> | string[],
  changes: Changes,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<string[]> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    if (options.signal.aborted) throw abortError(options.signal, "waiting for the lab");
    const left = await problems();
    if (left.length === 0 || performance.now() >= deadline) return left;
    await changes.next(pollMs);
  }
}

/** What of the mesh does not run yet. */
export function meshProblems(lab: RunningLab): string[] {
  const problems = lab.registry?.ready ? [] : [`registry: ${describe(lab.registry?.process)}`];
  for (const node of lab.nodeList) {
    if (node.ready) continue;
    for (const program of node.programs) {
      const { state } = program.state;
      problems.push(
        `${node.spec.name}/${program.name}: ${state === "running" ? "its socket is not there yet" : describe(program)}`,
      );
    }
  }
  return problems;
}

/** A command that fails at once does so within this time. */
const provenMs = 150;

/** Which containers do not run. */
export function containerProblems(lab: RunningLab): string[] {
  return lab.podList.flatMap((pod) =>
    pod.containers.flatMap(({ spec, process, readyFile }) => {
      if (!process || process.state.state === "completed") return [];
      if (process.state.state !== "running") return [`${pod.spec.name}/${spec.name}: ${describe(process)}`];
      if (readyFile && !existsSync(readyFile))
        return [`${pod.spec.name}/${spec.name}: its network services are not connected yet`];
      const proven = Date.now() - process.state.sinceMs >= provenMs && hasBegun(process.state.pid);
      return !proven ? [`${pod.spec.name}/${spec.name}: has just started`] : [];
    }),
  );
}

/** Which agents do not have their configuration in place. */
export async function configurationProblems(lab: RunningLab, options: { signal: AbortSignal }): Promise<string[]> {
  const agents = lab.podList.flatMap((pod) =>
    pod.containers.filter(({ spec }) => spec.microservice !== undefined).map((container) => ({ pod, container })),
  );
  const problems = await Promise.all(
    agents.map(async ({ pod, container }) => {
      if (container.process?.state.state !== "running") return [];
      const keys = lab.storedKeys(pod.spec.name);
      const found = await agentProblems(pod.sandbox.handle, { ...options, keys });
      return found.map((problem) => `${pod.spec.name}/${container.spec.name}: ${problem}`);
    }),
  );
  return [...lab.deliveryProblems(), ...problems.flat()];
}

function describe(process: Parameters<typeof programStatus>[0] | undefined): string {
  if (!process) return "not started";
  const { state, reason } = programStatus(process);
  return reason === undefined ? state : `${state}: ${reason}`;
}
