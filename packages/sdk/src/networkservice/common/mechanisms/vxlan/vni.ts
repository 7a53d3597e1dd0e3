import { randomInt } from "node:crypto";
import { CodedError } from "@nsmkit/core";
import { parsePrefix } from "../../../core/prefix.ts";

/** VXLAN network identifiers have 24 bits, RFC 7348 section 5; 0 is not used. */
const vniEnd = 2 ** 24;

/** Identifiers in use, per remote address. */
export class VniPool {
  readonly #taken = new Set<string>();

  get size(): number {
    return this.#taken.size;
  }

  /**
   * A random free one.
   * @param parity of the identifier, see `vniParity`
   * @throws RESOURCE_EXHAUSTED after many unlucky tries, when nearly all are in use
   */
  take(srcIp: string, parity: 0 | 1): number {
    for (let tries = 0; tries < 1000; tries++) {
      const vni = randomInt(1, vniEnd / 2) * 2 + parity;
      if (this.claim(srcIp, vni)) return vni;
    }
    throw new CodedError("RESOURCE_EXHAUSTED", `no free VXLAN network identifier towards ${srcIp}`);
  }

  /** @returns false if it is in use already */
  claim(srcIp: string, vni: number): boolean {
    const entry = `${srcIp} ${vni}`;
    if (this.#taken.has(entry)) return false;
    this.#taken.add(entry);
    return true;
  }

  release(srcIp: string, vni: number): void {
    this.#taken.delete(`${srcIp} ${vni}`);
  }
}

/**
 * Even identifiers if the client's side has the smaller address, odd ones otherwise: two forwarders that serve each
 * other never choose the same. Rule of networkservicemesh/api pkg/api/networkservice/mechanisms/vxlan.
 */
export const vniParity = (srcIp: string, dstIp: string): 0 | 1 => (compareAddresses(srcIp, dstIp) > 0 ? 1 : 0);

/** Byte by byte, IPv4 as IPv4-mapped IPv6. @throws INVALID_ARGUMENT for what is no address */
export function compareAddresses(left: string, right: string): number {
  const difference = mappedAddress(left) - mappedAddress(right);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function mappedAddress(text: string): bigint {
  const address = text.includes("/") ? undefined : parsePrefix(text);
  if (!address) throw new CodedError("INVALID_ARGUMENT", `${JSON.stringify(text)} is no IP address`);
  return address.width === 32 ? (0xffffn << 32n) | address.value : address.value;
}

/** @returns undefined for an absent one @throws INVALID_ARGUMENT for one outside 1..2^24-1 */
export function parseVni(text: string | undefined): number | undefined {
  if (text === undefined || text === "" || text === "0") return undefined;
  const vni = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
  if (!(vni < vniEnd))
    throw new CodedError("INVALID_ARGUMENT", `vni ${JSON.stringify(text)} is not within 1..${vniEnd - 1}`);
  return vni;
}
