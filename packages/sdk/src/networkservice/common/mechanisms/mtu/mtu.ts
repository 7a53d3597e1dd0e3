import { CodedError } from "@nsmkit/core";

/** Bytes that a tunnel adds to a packet, over IPv4 and over IPv6. Figures of networkservicemesh/sdk-vpp. */
const overheads: Readonly<Record<string, { readonly v4: number; readonly v6: number }>> = {
  VXLAN: { v4: 54, v6: 74 },
  WIREGUARD: { v4: 60, v6: 80 },
  IPSEC: { v4: 81, v6: 101 },
};

/**
 * Largest packet that fits through a tunnel.
 * @returns undefined for a mechanism that is no tunnel
 */
export function tunnelMtu(type: string, uplinkMtu: number, tunnelIp: string): number | undefined {
  const overhead = Object.hasOwn(overheads, type) ? overheads[type] : undefined;
  return overhead && uplinkMtu - (tunnelIp.includes(":") ? overhead.v6 : overhead.v4);
}

/** The smaller of two MTUs of which 0 means "no opinion". */
export const lowerMtu = (left: number, right: number): number =>
  left === 0 || right === 0 ? left || right : Math.min(left, right);

/** @returns 0 for an absent one @throws INVALID_ARGUMENT for what is no number of bytes */
export function parseMtu(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  const mtu = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(mtu <= 0xffff_ffff))
    throw new CodedError("INVALID_ARGUMENT", `MTU ${JSON.stringify(text)} is no number of bytes`);
  return mtu;
}
