/**
 * Deletes links in bulk. The kernel waits for about 20 ms per RTM_DELLINK whatever it deletes (two RCU grace periods in
 * net/core/dev.c), so all links that wait in one namespace are put into a private group and deleted by one request.
 * Sending happens on libuv's pool: meanwhile the worker serves other requests, and other namespaces' deletes overlap.
 */
import { randomInt } from "node:crypto";
import { fstatSync } from "node:fs";
import type { LinkRef } from "../api/objects.ts";
import type { Ack } from "../nl/ack.ts";
import { decodeLink } from "../nl/link/decode.ts";
import { encodeGroupDelete, encodeLinkDelete, encodeLinkGet, encodeLinkSet } from "../nl/link/encode.ts";
import { messagesOf, viewOf } from "../nl/message.ts";
import { MessageWriter } from "../nl/writer.ts";
import { ENODEV, SystemCallError } from "../os/errno.ts";
import { type Answer, NetlinkSocket, type Range } from "./netlink-socket.ts";
import { inNetns } from "./netns.ts";
import type { JobNamespace, Outcome, UnitFailure } from "./protocol.ts";

/** Rounds under way at once. More would take the pool's threads (4 by default) away from the process's file access. */
const roundsAtOnce = 2;

/** Links per RTM_DELLINK: the kernel holds its one lock for all network changes for about 0.2 ms per link. */
const linksPerDelete = 256;

/** Links marked per system call: each is answered with a link message. */
const marksPerSend = 32;

interface Waiting {
  readonly ns: JobNamespace;
  readonly links: readonly LinkRef[];
  readonly settle: (outcome: Outcome) => void;
}

interface Marked {
  readonly link: LinkRef;
  readonly index: number;
  readonly group: number;
}

type Fate = "gone" | "missing" | Ack;

export class LinkDeleter {
  /** By namespace, those who wait for the round after the one that runs. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** Namespaces whose next round waits for its turn. */
  readonly #turns: (() => void)[] = [];
  #running = 0;

  /** Joins the next round of this namespace. Never rejects. */
  delete(ns: JobNamespace, links: readonly LinkRef[]): Promise<Outcome> {
    const key = ns.fd < 0 ? "own" : inodeOf(ns.fd);
    return new Promise((settle) => {
      const waiting = this.#waiting.get(key);
      if (waiting) {
        waiting.push({ ns, links, settle });
      } else {
        this.#waiting.set(key, [{ ns, links, settle }]);
        void this.#run(key);
      }
    });
  }

  async #run(key: string): Promise<void> {
    for (;;) {
      await this.#turn();
      // Taken only now: whoever came while this namespace waited for its turn is in the same round.
      const round = this.#waiting.get(key) ?? [];
      const first = round[0];
      if (first) {
        this.#waiting.set(key, []);
        // Each waiter keeps its own descriptor of the namespace open only until it is settled.
        await deleteRound(first.ns, round);
      }
      this.#endTurn();
      if (this.#waiting.get(key)?.length === 0) break;
    }
    this.#waiting.delete(key);
  }

  async #turn(): Promise<void> {
    if (this.#running >= roundsAtOnce) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#running++;
  }

  /** Hands the turn on, or gives it back. */
  #endTurn(): void {
    const next = this.#turns.shift();
    if (next) next();
    else this.#running--;
  }
}

function inodeOf(fd: number): string {
  const { dev, ino } = fstatSync(fd);
  return `${dev}:${ino}`;
}

async function deleteRound(ns: JobNamespace, round: readonly Waiting[]): Promise<void> {
  let socket: NetlinkSocket | undefined;
  try {
    socket = inNetns(ns, () => new NetlinkSocket());
    const links = [...new Set(round.flatMap((waiting) => waiting.links))];
    const fates = await deleteAll(socket, links);
    for (const waiting of round) waiting.settle(outcomeOf(waiting.links, fates));
  } catch (error) {
    const failure =
      error instanceof SystemCallError
        ? { errno: error.errno, doing: error.doing }
        : { errno: 0, doing: String(error) };
    for (const waiting of round) waiting.settle(failure);
  } finally {
    socket?.close();
  }
}

function outcomeOf(links: readonly LinkRef[], fates: ReadonlyMap<LinkRef, Fate>): Outcome {
  const missing: LinkRef[] = [];
  const failed: NonNullable<UnitFailure["failed"]>[number][] = [];
  for (const link of links) {
    const fate = fates.get(link);
    if (fate === "missing") missing.push(link);
    else if (fate !== undefined && fate !== "gone") failed.push({ link, ...fate });
  }
  const first = failed[0];
  if (first)
    return { errno: first.errno, ...(first.message === undefined ? {} : { message: first.message }), missing, failed };
  return missing.length > 0 ? { errno: ENODEV, missing, failed } : null;
}

async function deleteAll(socket: NetlinkSocket, links: readonly LinkRef[]): Promise<Map<LinkRef, Fate>> {
  const fates = new Map<LinkRef, Fate>();
  const only = links.length === 1 ? links[0] : undefined;
  if (only !== undefined) return fates.set(only, await deleteOne(socket, only));
  for (let from = 0; from < links.length; from += linksPerDelete)
    await deleteGroup(socket, links.slice(from, from + linksPerDelete), fates);
  return fates;
}

async function deleteGroup(socket: NetlinkSocket, links: readonly LinkRef[], fates: Map<LinkRef, Fate>): Promise<void> {
  // Private: nobody else uses a random number of 31 bits, and 0 is the group of all links.
  const group = randomInt(1, 2 ** 31 - 1);
  const marked = markAll(socket, links, group, fates);
  if (marked.length === 0) return;
  const writer = new MessageWriter();
  encodeGroupDelete(writer, group);
  const [answer] = await socket.exchangeSlowly(writer.bytes(), [{ start: 0, end: writer.length }]);
  if (answer?.ack.errno === 0) {
    for (const { link } of marked) fates.set(link, "gone");
    return;
  }
  // One link that cannot be deleted (a physical one) makes the kernel refuse the whole group.
  for (const { link, index, group: before } of marked) {
    const fate = await deleteOne(socket, index);
    // The other end of a veth pair may have gone with the one before it.
    fates.set(link, fate === "missing" ? "gone" : fate);
    if (typeof fate === "object") regroup(socket, index, before);
  }
}

async function deleteOne(socket: NetlinkSocket, link: LinkRef): Promise<Fate> {
  const writer = new MessageWriter();
  encodeLinkDelete(writer, link);
  const [answer] = await socket.exchangeSlowly(writer.bytes(), [{ start: 0, end: writer.length }]);
  const ack = answer?.ack ?? { errno: ENODEV };
  return ack.errno === 0 ? "gone" : ack.errno === ENODEV ? "missing" : ack;
}

/** Reads each link's group and puts it into ours. Those that do not exist or refuse get their fate at once. */
function markAll(socket: NetlinkSocket, links: readonly LinkRef[], group: number, fates: Map<LinkRef, Fate>): Marked[] {
  const marked: Marked[] = [];
  for (let from = 0; from < links.length; from += marksPerSend) {
    const part = links.slice(from, from + marksPerSend);
    const writer = new MessageWriter();
    const ranges: Range[] = [];
    const write = (encode: () => void): void => {
      const start = writer.length;
      encode();
      ranges.push({ start, end: writer.length });
    };
    for (const link of part) {
      write(() => encodeLinkGet(writer, link));
      write(() => encodeLinkSet(writer, link, { group }));
    }
    const answers = socket.exchange(writer.bytes(), ranges);
    for (const [position, link] of part.entries()) {
      const got = answers[position * 2];
      const set = answers[position * 2 + 1];
      const found = got && set?.ack.errno === 0 ? readLink(got) : undefined;
      if (found) marked.push({ link, ...found });
      else fates.set(link, set?.ack.errno === ENODEV || set === undefined ? "missing" : set.ack);
    }
  }
  return marked;
}

function readLink(answer: Answer): { index: number; group: number } | undefined {
  const [bytes] = answer.data;
  if (!bytes) return undefined;
  const view = viewOf(bytes);
  for (const { start, end } of messagesOf(view)) {
    const { index, group } = decodeLink(view, start, end);
    return { index, group };
  }
  return undefined;
}

function regroup(socket: NetlinkSocket, index: number, group: number): void {
  const writer = new MessageWriter();
  encodeLinkSet(writer, index, { group });
  socket.exchange(writer.bytes(), [{ start: 0, end: writer.length }]);
}
