import { checkInteger } from "./invalid.ts";

/** ETH_MIN_MTU (linux/if_ether.h) to the largest that any virtual link takes. */
export const checkMtu = (value: unknown, field = "MTU"): number => checkInteger(value, field, 68, 65535);

/** VXLAN network identifier: 24 bits (RFC 7348). */
export const checkVni = (value: unknown, field = "VNI"): number => checkInteger(value, field, 0, 2 ** 24 - 1);

/** IEEE 802.1Q leaves out 0 and 4095. */
export const checkVlanId = (value: unknown, field = "VLAN id"): number => checkInteger(value, field, 1, 4094);

export const checkPort = (value: unknown, field = "port"): number => checkInteger(value, field, 1, 65535);

/** Routing table: 32 bits, 0 means unspecified. */
export const checkTable = (value: unknown, field = "table"): number => checkInteger(value, field, 1, 2 ** 32 - 1);

export const checkUint32 = (value: unknown, field: string): number => checkInteger(value, field, 0, 2 ** 32 - 1);

export const checkIndex = (value: unknown, field = "interface index"): number =>
  checkInteger(value, field, 1, 2 ** 31 - 1);
