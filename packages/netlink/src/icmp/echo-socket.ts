/**
 * One ICMP socket for all probes of one family in one namespace: thousands of destinations share it, told apart by
 * sequence number. System calls here never block and run on the caller's thread.
 */
import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import { type Clock, CodedError } from "@nsmkit/core";
import type { Family } from "../names/ip.ts";
import { EAGAIN, EINTR, errnoName } from "../os/errno.ts";
import { calls, errno, MSG_DONTWAIT, MSG_ERRQUEUE } from "../os/libc.ts";
import { decodeControl, encodeControl, MessageHeader } from "../os/message-header.ts";
import type { Poller, Watch } from "../os/poller.ts";
import { inetAddress, inetText } from "../os/sockaddr.ts";
import { errorOfControl, packetInfo } from "./options.ts";
import { decodeEchoReply, decodeEchoRequest, type Echo, encodeEcho, withoutIpv4Header } from "./packet.ts";

const nonceBytes = 8;
const sequences = 0x10000;

export interface Probe {
  readonly destination: string;
  readonly source?: string;
  /** Interface index to send through; 0 = by route. */
  readonly link: number;
  /** Payload bytes. */
  readonly size: number;
  readonly timeoutMs: number;
}

/** How one probe ended: with a round-trip time, or without, perhaps for a known reason. */
export interface ProbeResult {
  readonly rttMs?: number;
  readonly errno?: string;
}

interface Waiting {
  readonly destination: string;
  readonly nonce: Uint8Array;
  readonly sentAt: number;
  readonly settle: (result: ProbeResult) => void;
}

/** Replies are no longer than requests; an error report carries the start of one. */
const received = new MessageHeader({
  name: new Uint8Array(28),
  data: new Uint8Array(65_535),
  control: new Uint8Array(512),
});

export class EchoSocket {
  readonly #fd: number;
  readonly #family: Family;
  readonly #raw: boolean;
  readonly #clock: Clock;
  readonly #watch: Watch;
  readonly #waiting = new Map<number, Waiting>();
  /** On a raw socket ours to choose; on a datagram socket the kernel puts in the socket's own. */
  readonly #identifier = randomBytes(2).readUInt16BE();
  #next = 0;
  #closed = false;

  constructor(fd: number, family: Family, raw: boolean, poller: Poller, clock: Clock) {
    this.#fd = fd;
    this.#family = family;
    this.#raw = raw;
    this.#clock = clock;
    this.#watch = poller.watch(fd, () => this.#read(), { ref: false });
  }

  /** Never rejects for a lost packet. @throws CodedError CLOSED, RESOURCE_EXHAUSTED (65,536 probes under way) */
  async probe(probe: Probe): Promise<ProbeResult> {
    if (this.#closed) throw new CodedError("CLOSED", "the ICMP socket is closed");
    const sequence = this.#freeSequence();
    const nonce = randomBytes(Math.min(nonceBytes, probe.size));
    const { promise, resolve } = Promise.withResolvers<ProbeResult>();
    const timer = this.#clock.after(probe.timeoutMs, () => {
      // The reply may be here while this thread was busy elsewhere: look before giving up.
      this.#read();
      this.#settle(sequence, {});
    });
    const settle = (result: ProbeResult): void => {
      timer.cancel();
      resolve(result);
    };
    this.#waiting.set(sequence, { destination: probe.destination, nonce, sentAt: this.#clock.monotonic(), settle });
    this.#watch.ref();
    const reason = this.#send(probe, sequence, nonce);
    if (reason !== undefined) this.#settle(sequence, { errno: errnoName(reason) });
    return promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.stop();
    closeSync(this.#fd);
    for (const sequence of [...this.#waiting.keys()]) this.#settle(sequence, {});
  }

  #freeSequence(): number {
    for (let tries = 0; tries < sequences; tries++) {
      this.#next = (this.#next + 1) % sequences;
      if (!this.#waiting.has(this.#next)) return this.#next;
    }
    throw new CodedError("RESOURCE_EXHAUSTED", `${sequences} echo requests are under way in one namespace`);
  }

  /** @returns the errno of a failure */
  #send(probe: Probe, sequence: number, nonce: Uint8Array): number | undefined {
    const payload = new Uint8Array(probe.size);
    payload.set(nonce);
    const message = new MessageHeader({
      name: inetAddress(probe.destination, 0, probe.link).bytes,
      data: encodeEcho(this.#family, { identifier: this.#identifier, sequence, payload }),
      control: encodeControl(packetInfo(this.#family, probe.source, probe.link)),
    });
    for (;;) {
      if (calls.sendmsg(this.#fd, message.bytes, MSG_DONTWAIT) >= 0) return undefined;
      const reason = errno();
      if (reason === EINTR) continue;
      // An earlier probe's error is reported by whatever call comes next.
      if (!this.#readErrors()) return reason;
    }
  }

  #read(): void {
    if (this.#closed) return;
    for (;;) {
      const length = calls.recvmsg(this.#fd, received.reset().bytes, MSG_DONTWAIT);
      if (length >= 0) {
        this.#onPacket(received.data.subarray(0, length), received.receivedName());
        continue;
      }
      const reason = errno();
      if (reason === EINTR) continue;
      if (reason === EAGAIN || !this.#readErrors()) break;
    }
    // Level-triggered: errors left in their queue would wake us for ever.
    this.#readErrors();
  }

  #onPacket(bytes: Uint8Array, from: Uint8Array): void {
    const packet = this.#raw && this.#family === 4 ? withoutIpv4Header(bytes) : bytes;
    const echo = packet && decodeEchoReply(this.#family, packet);
    const waiting = echo && this.#match(echo);
    if (!waiting || inetText(from) !== waiting.destination) return;
    this.#settle(echo.sequence, { rttMs: this.#clock.monotonic() - waiting.sentAt });
  }

  #match(echo: Echo): Waiting | undefined {
    if (this.#raw && echo.identifier !== this.#identifier) return undefined;
    const waiting = this.#waiting.get(echo.sequence);
    const same = waiting && Buffer.compare(echo.payload.subarray(0, waiting.nonce.length), waiting.nonce) === 0;
    return same ? waiting : undefined;
  }

  /** ICMP errors such as "host unreachable" (ip(7), IP_RECVERR). @returns whether there was one */
  #readErrors(): boolean {
    let found = false;
    for (;;) {
      const length = calls.recvmsg(this.#fd, received.reset().bytes, MSG_DONTWAIT | MSG_ERRQUEUE);
      if (length < 0) return found;
      found = true;
      const echo = decodeEchoRequest(this.#family, received.data.subarray(0, length));
      const reason = errorOfControl(this.#family, decodeControl(received.receivedControl()));
      if (!echo || reason === undefined) continue;
      if (this.#raw && echo.identifier !== this.#identifier) continue;
      this.#settle(echo.sequence, { errno: errnoName(reason) });
    }
  }

  #settle(sequence: number, result: ProbeResult): void {
    const waiting = this.#waiting.get(sequence);
    if (!waiting) return;
    this.#waiting.delete(sequence);
    if (this.#waiting.size === 0) this.#watch.unref();
    waiting.settle(result);
  }
}
