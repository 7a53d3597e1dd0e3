/** Turns ops into the units of a job: validation and encoding, no system call. */
import type { Netns } from "../api/netns.ts";
import type { LinkRef } from "../api/objects.ts";
import type { LinkChanges, NewLink, NewLinkCommon, NewTap, Op } from "../api/ops.ts";
import { checkInterfaceName } from "../names/interface-name.ts";
import { invalid } from "../names/invalid.ts";
import { checkIndex, checkUint32 } from "../names/numbers.ts";
import { sysctlPath } from "../names/sysctl.ts";
import { checkAlias } from "../nl/link/common.ts";
import { encodeLinkAdd, encodeLinkDelete, encodeLinkSet, type RtnetlinkNewLink } from "../nl/link/encode.ts";
import { MessageWriter } from "../nl/writer.ts";
import type { Job, JobNamespace, SendUnit, Unit } from "../worker/protocol.ts";
import { messageOf } from "./encode-op.ts";
import { type KernelNetns, kernelNetns } from "./netns.ts";

/** A kept socket, held open until the job is done. */
export interface SocketLease {
  readonly socketId: number;
  readonly end: () => void;
}

export type LeaseSocket = (netns: KernelNetns) => SocketLease | undefined;

export class JobPlan {
  readonly #writer = new MessageWriter();
  readonly #units: Unit[] = [];
  readonly #namespaces: JobNamespace[] = [];
  readonly #indexes = new Map<KernelNetns, number>();
  readonly #used = new Set<KernelNetns>();
  readonly #ends: (() => void)[] = [];
  readonly #lease: LeaseSocket;

  constructor(lease: LeaseSocket) {
    this.#lease = lease;
  }

  /** Lets go of the namespaces and sockets that the job needed. */
  release(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  get units(): readonly Unit[] {
    return this.#units;
  }

  job(stopOnError: boolean): Job {
    return { bytes: this.#writer.bytes().slice(), namespaces: this.#namespaces, units: this.#units, stopOnError };
  }

  /** Adds all units of one op or, if it is invalid, none. @throws CodedError INVALID_ARGUMENT, CLOSED */
  add(netns: KernelNetns, op: Op, opIndex: number): void {
    const bytes = this.#writer.length;
    const units = this.#units.length;
    try {
      this.#add(netns, op, opIndex);
    } catch (error) {
      this.#writer.truncate(bytes);
      this.#units.length = units;
      throw error;
    }
  }

  #add(netns: KernelNetns, op: Op, opIndex: number): void {
    const message = messageOf(op);
    if (message) {
      if ("netns" in op) this.#use(op.netns);
      if (op.op === "linkSet" && op.changes.netns) this.#use(op.changes.netns);
      const renames = op.op === "linkSet" && (op.changes.name !== undefined || op.changes.netns !== undefined);
      this.#send(opIndex, this.#namespace(netns), () => message.encode(this.#writer), {
        answer: message.answer,
        renames,
      });
    } else if (op.op === "linkAdd") {
      this.#linkAdd(netns, op.link, opIndex);
    } else if (op.op === "linkDelete") {
      this.#units.push({ run: "delete", op: opIndex, ns: this.#namespace(netns), links: op.links.map(checkRef) });
    } else if (op.op === "sysctlGet" || op.op === "sysctlSet") {
      const value = op.op === "sysctlSet" ? { value: op.value } : {};
      this.#units.push({ run: "sysctl", op: opIndex, ns: this.#namespace(netns), path: sysctlPath(op.name), ...value });
    } else {
      throw invalid("op", (op as { op: unknown }).op, "is no op", "see Op");
    }
  }

  /**
   * The message that makes the link, what it cannot say (see `encodeLinkAdd`; for a tap, everything), and the deletion
   * for the case that the rest fails.
   */
  #linkAdd(netns: KernelNetns, link: NewLink, op: number): void {
    const target = link.netns ? this.#use(link.netns) : netns;
    if (link.alias !== undefined) checkAlias(link.alias);
    const before = this.#units.length;
    if (isTap(link)) {
      this.#units.push({ run: "tap", op, ns: this.#namespace(target), tap: tapRequest(link) });
      const { mac, mtu, group, master, txQueueLen, up, alias } = link;
      this.#follow(op, target, link.name, { mac, mtu, group, master, txQueueLen, up, alias });
    } else {
      this.#send(op, this.#namespace(netns), () => encodeLinkAdd(this.#writer, link), { creates: true });
      this.#follow(op, target, link.name, { alias: link.alias, up: link.kind === "veth" ? link.up : undefined });
      if (link.kind === "veth") this.#followPeer(op, netns, link.peer);
    }
    if (this.#units.length === before + 1) return;
    this.#send(op, this.#namespace(target), () => encodeLinkDelete(this.#writer, link.name), { undo: true });
  }

  #followPeer(op: number, netns: KernelNetns, peer: NewLinkCommon): void {
    if (peer.alias !== undefined) checkAlias(peer.alias, "peer.alias");
    const target = peer.netns ? this.#use(peer.netns) : netns;
    this.#follow(op, target, peer.name, { alias: peer.alias, master: peer.master, up: peer.up });
  }

  /** Changes of a link just made, without those that are undefined. */
  #follow(
    op: number,
    netns: KernelNetns,
    name: string,
    wanted: { [K in keyof LinkChanges]: LinkChanges[K] | undefined },
  ): void {
    const changes = Object.fromEntries(
      Object.entries(wanted).filter(([, value]) => value !== undefined),
    ) as LinkChanges;
    if (Object.keys(changes).length === 0) return;
    this.#send(op, this.#namespace(netns), () => encodeLinkSet(this.#writer, name, changes), {});
  }

  #send(op: number, ns: number, encode: () => void, rest: Partial<SendUnit>): void {
    const start = this.#writer.length;
    encode();
    const fixups = this.#writer.takeFixups().map(({ offset, name, netnsFd }) => ({
      offset,
      name,
      ns: netnsFd === undefined ? ns : this.#namespaceOfFd(netnsFd),
    }));
    this.#units.push({
      run: "send",
      op,
      ns,
      start,
      end: this.#writer.length,
      answer: "ack",
      ...rest,
      ...(fixups.length > 0 ? { fixups } : {}),
    });
  }

  /** The namespace stays open until `release`. */
  #use(netns: Netns): KernelNetns {
    const own = kernelNetns(netns);
    if (!this.#used.has(own)) {
      this.#ends.push(own.uses.begin());
      this.#used.add(own);
    }
    return own;
  }

  #namespaceOfFd(fd: number): number {
    for (const netns of this.#used) if (netns.fd === fd) return this.#namespace(netns);
    throw new Error("a fixup in a namespace that the job does not use");
  }

  #namespace(netns: KernelNetns): number {
    const known = this.#indexes.get(netns);
    if (known !== undefined) return known;
    this.#use(netns);
    const lease = this.#lease(netns);
    if (lease) this.#ends.push(lease.end);
    const index = this.#namespaces.push({
      fd: netns.isCurrent ? -1 : netns.fd,
      label: netns.label,
      ...(lease ? { socketId: lease.socketId } : {}),
    });
    this.#indexes.set(netns, index - 1);
    return index - 1;
  }
}

function checkRef(link: LinkRef): LinkRef {
  return typeof link === "number" ? checkIndex(link, "link") : checkInterfaceName(link, "link");
}

const isTap = (link: RtnetlinkNewLink | NewTap): link is NewTap => link.kind === "tap" || link.kind === "tun";

function tapRequest(link: NewTap) {
  return {
    name: checkInterfaceName(link.name, "name"),
    mode: link.kind,
    ...(link.owner === undefined ? {} : { owner: checkUint32(link.owner, "owner") }),
    ...(link.ownerGroup === undefined ? {} : { group: checkUint32(link.ownerGroup, "ownerGroup") }),
    multiQueue: link.multiQueue ?? false,
    vnetHeader: link.vnetHeader ?? false,
  };
}
