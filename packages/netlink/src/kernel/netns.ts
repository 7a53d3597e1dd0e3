import { closeSync, fstatSync } from "node:fs";
import { CodedError } from "@nsmkit/core";
import type { Netns, NetnsIdentity } from "../api/netns.ts";

/** Counts the uses of something and lets its owner wait for the last. */
export class Uses {
  #count = 0;
  #closing: (() => void) | undefined;
  #closed = false;
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @returns the function that ends this use. @throws CodedError CLOSED */
  begin(): () => void {
    this.check();
    this.#count++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#count--;
      if (this.#count === 0) this.#closing?.();
    };
  }

  /** @throws CodedError CLOSED */
  check(): void {
    if (this.#closed) throw new CodedError("CLOSED", `${this.#what} is closed`);
  }

  /** No further uses. @returns false when it was closed already; resolves after the last use has ended */
  async close(): Promise<boolean> {
    if (this.#closed) return false;
    this.#closed = true;
    if (this.#count > 0) await new Promise<void>((resolve) => (this.#closing = resolve));
    return true;
  }
}

export class KernelNetns implements Netns {
  readonly fd: number;
  readonly label: string;
  readonly identity: NetnsIdentity;
  /** The namespace of this process: entering it needs no privilege, and only its owner closes it. */
  readonly isCurrent: boolean;
  readonly uses: Uses;

  constructor(fd: number, label: string, isCurrent = false) {
    const { dev, ino } = fstatSync(fd);
    this.fd = fd;
    this.label = label;
    this.identity = { dev, ino };
    this.isCurrent = isCurrent;
    this.uses = new Uses(`network namespace ${label}`);
  }

  async close(): Promise<void> {
    if (!this.isCurrent) await this.closeFinally();
  }

  /** Closes the current namespace's descriptor too. */
  async closeFinally(): Promise<void> {
    if (await this.uses.close()) closeSync(this.fd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Objects of another implementation (or of a fake) have nothing in common with ours but the interface. */
export function kernelNetns(netns: Netns): KernelNetns {
  if (netns instanceof KernelNetns) return netns;
  throw new CodedError("INVALID_ARGUMENT", `network namespace ${netns.label} was not opened by this Netlink`);
}
