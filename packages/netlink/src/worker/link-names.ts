/** Turns link names into indexes while a job runs, because later ops may name links that earlier ones make. */

import { encodeLinkGet } from "../nl/link/encode.ts";
import { ifinfomsgBytes } from "../nl/link/types.ts";
import { headerBytes, viewOf } from "../nl/message.ts";
import { MessageWriter } from "../nl/writer.ts";
import { ENODEV } from "../os/errno.ts";
import type { Range } from "./netlink-socket.ts";
import type { Job, UnitFailure, WireFixup } from "./protocol.ts";
import type { JobSockets } from "./run-job.ts";

/** Names looked up per send; each is answered with a link message of about 1 KiB. */
const lookupsPerSend = 32;

/** Offset of ifi_index in the answer, which begins with a message header. */
const indexOffset = headerBytes + 4;

export class LinkNames {
  readonly #job: Job;
  readonly #sockets: JobSockets;
  /** One map per namespace of the job. Index 0 = looked up and not there. */
  #known: Map<string, number>[];

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
    return fixups.every(({ ns, name }) => (this.#known[ns]?.get(name) ?? 0) > 0);
  }

  /**
   * Writes the indexes into the unit's message. Names that are not known are looked up now, together with those of
   * the units that follow up to the next that makes or renames links.
   * @param index position of the unit
   */
  patch(index: number, fixups: readonly WireFixup[]): UnitFailure | undefined {
    if (!this.knows(fixups)) this.#lookUpFrom(index);
    const view = viewOf(this.#job.bytes);
    for (const { offset, name, ns } of fixups) {
      const found = this.#known[ns]?.get(name) ?? 0;
      if (found === 0) return { errno: ENODEV, missingLink: name };
      view.setUint32(offset, found, true);
    }
    return undefined;
  }

  #lookUpFrom(index: number): void {
    const wanted = this.#job.namespaces.map(() => new Set<string>());
    for (let at = index; at < this.#job.units.length; at++) {
      const unit = this.#job.units[at];
      if (unit?.run === "send") {
        for (const { ns, name } of unit.fixups ?? [])
          if ((this.#known[ns]?.get(name) ?? 0) === 0) wanted[ns]?.add(name);
      }
      const changesNames = unit?.run === "send" ? unit.creates || unit.renames : unit?.run !== "sysctl";
      if (changesNames) break;
    }
    for (const [ns, names] of wanted.entries()) {
      const list = [...names];
      for (let from = 0; from < list.length; from += lookupsPerSend)
        this.#lookUp(ns, list.slice(from, from + lookupsPerSend));
    }
  }

  #lookUp(ns: number, names: readonly string[]): void {
    const writer = new MessageWriter();
    const ranges: Range[] = names.map((name) => {
      const start = writer.length;
      encodeLinkGet(writer, name);
      return { start, end: writer.length };
    });
    const answers = this.#sockets.socket(ns).exchange(writer.bytes(), ranges);
    for (const [position, name] of names.entries()) {
      const [message] = answers[position]?.data ?? [];
      const complete = message && message.length >= headerBytes + ifinfomsgBytes;
      this.#known[ns]?.set(name, complete ? viewOf(message).getInt32(indexOffset, true) : 0);
    }
  }
}
