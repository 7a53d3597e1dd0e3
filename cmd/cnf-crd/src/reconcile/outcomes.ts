import type { Progress } from "@nsmkit/agent/cnf-configuration";

/** How far a generation of a resource has come. */
export interface Outcome {
  readonly uid: string;
  readonly generation: number;
  readonly progress: Progress;
  /** When its values were written last, on the monotonic clock; 0 when they were there already. */
  readonly writtenMs: number;
}

/** What became of each resource, by `namespace/name`. */
export class Outcomes {
  readonly #outcomes = new Map<string, Outcome>();
  readonly #onChange: (resource: string, outcome: Outcome | undefined) => void;

  constructor(onChange: (resource: string, outcome: Outcome | undefined) => void) {
    this.#onChange = onChange;
  }

  get(resource: string): Outcome | undefined {
    return this.#outcomes.get(resource);
  }

  set(resource: string, outcome: Outcome | undefined): void {
    if (outcome) this.#outcomes.set(resource, outcome);
    else this.#outcomes.delete(resource);
    this.#onChange(resource, outcome);
  }

  /** Those that have come to one of these. */
  having(...kinds: readonly Progress["kind"][]): string[] {
    return [...this.#outcomes].flatMap(([resource, { progress }]) => (kinds.includes(progress.kind) ? [resource] : []));
  }
}
