/** struct msghdr with one buffer, an address and control data (sys/socket.h, 64-bit layout). */
import { addressOf } from "./libc.ts";

// struct msghdr: name pointer 0, name length 8, iov pointer 16, iov count 24, control pointer 32, control length 40, flags 48.
const messageHeaderBytes = 56;
const nameLengthAt = 8;
const controlLengthAt = 40;

/** struct cmsghdr: length u64, level i32, type i32; data is aligned to 8. */
const controlHeaderBytes = 16;
const align8 = (length: number): number => (length + 7) & ~7;

export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

export function encodeControl(messages: readonly ControlMessage[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((sum, { data }) => sum + align8(controlHeaderBytes + data.length), 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const { level, type, data } of messages) {
    view.setBigUint64(offset, BigInt(controlHeaderBytes + data.length), true);
    view.setInt32(offset + 8, level, true);
    view.setInt32(offset + 12, type, true);
    bytes.set(data, offset + controlHeaderBytes);
    offset += align8(controlHeaderBytes + data.length);
  }
  return bytes;
}

/** Stops at the first length that does not fit. */
export function decodeControl(bytes: Uint8Array): ControlMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: ControlMessage[] = [];
  let offset = 0;
  while (bytes.length - offset >= controlHeaderBytes) {
    const length = Number(view.getBigUint64(offset, true));
    if (length < controlHeaderBytes || length > bytes.length - offset) break;
    messages.push({
      level: view.getInt32(offset + 8, true),
      type: view.getInt32(offset + 12, true),
      data: bytes.subarray(offset + controlHeaderBytes, offset + length),
    });
    offset += align8(length);
  }
  return messages;
}

/** Buffers for sendmsg or recvmsg. Everything that the kernel is pointed to lives as long as this object. */
export class MessageHeader {
  /** What is handed to the system call. */
  readonly bytes = new Uint8Array(messageHeaderBytes);
  readonly #view = new DataView(this.bytes.buffer);
  readonly #vector = new Uint8Array(16);
  readonly name: Uint8Array;
  readonly data: Uint8Array;
  readonly control: Uint8Array;

  constructor(parts: { readonly name: Uint8Array; readonly data: Uint8Array; readonly control: Uint8Array }) {
    this.name = parts.name;
    this.data = parts.data;
    this.control = parts.control;
    const vector = new DataView(this.#vector.buffer);
    vector.setBigUint64(0, this.data.length > 0 ? addressOf(this.data) : 0n, true);
    vector.setBigUint64(8, BigInt(this.data.length), true);
    this.#view.setBigUint64(0, addressOf(this.name), true);
    this.#view.setBigUint64(16, addressOf(this.#vector), true);
    this.#view.setBigUint64(24, 1n, true);
    if (this.control.length > 0) this.#view.setBigUint64(32, addressOf(this.control), true);
    this.reset();
  }

  /** Makes the whole room available again: the kernel writes what it used. */
  reset(): this {
    this.#view.setUint32(nameLengthAt, this.name.length, true);
    this.#view.setBigUint64(controlLengthAt, BigInt(this.control.length), true);
    return this;
  }

  receivedName(): Uint8Array {
    return this.name.subarray(0, Math.min(this.name.length, this.#view.getUint32(nameLengthAt, true)));
  }

  receivedControl(): Uint8Array {
    return this.control.subarray(
      0,
      Math.min(this.control.length, Number(this.#view.getBigUint64(controlLengthAt, true))),
    );
  }
}
