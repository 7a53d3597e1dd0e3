/** Turns link names into indexes while a job runs, because later ops may name links that earlier ones make. */
import { viewOf } from "../nl/message.ts";
import { ENODEV } from "../os/errno.ts";
import type { Job, UnitFailure, WireFixup } from "./protocol.ts";
import type { JobSockets } from "./run-job.ts";

export class LinkNames {
  readonly #job: Job;
  readonly #sockets: JobSockets;
  /** One map per namespace of the job. */
  readonly #known: readonly Map<string, number>[];

  constructor(job: Job, sockets: JobSockets) {
    this.#job = job;
    this.#sockets = sockets;
    this.#known = job.namespaces.map(() => new Map());
  }

  /** Names may mean other links from now on. */
  forget(): void {
    for (const names of this.#known) names.clear();
  }

  knows(fixups: readonly WireFixup[]): boolean {
    return fixups.every(({ ns, name }) => this.#known[ns]?.has(name) ?? false);
  }

  /** Writes the indexes into a unit's message, looking up those that are not known. */
  patch(fixups: readonly WireFixup[]): UnitFailure | undefined {
    const view = viewOf(this.#job.bytes);
    for (const { offset, name, ns } of fixups) {
      const index = this.#known[ns]?.get(name) ?? this.#sockets.socket(ns).indexOf(name);
      if (index === undefined) return { errno: ENODEV, missingLink: name };
      this.#known[ns]?.set(name, index);
      view.setUint32(offset, index, true);
    }
    return undefined;
  }
}
