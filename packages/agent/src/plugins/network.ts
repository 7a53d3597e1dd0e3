import { addressText, parseAddress } from "@nsmkit/api/model";

/** An address with its prefix length, in canonical text. */
export interface Cidr {
  readonly version: 4 | 6;
  /** "10.0.0.1": the address as given. */
  readonly address: string;
  readonly length: number;
  /** "10.0.0.0/24": host bits cleared. */
  readonly network: string;
  /** "10.0.0.1/24". */
  readonly text: string;
}

const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);

/** "10.0.0.1/24"; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const [head, digits, rest] = text.split("/");
  const parsed = parseAddress(head ?? "");
  if (!parsed || rest !== undefined || digits === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  if (length > bitsOf(parsed.version)) return undefined;
  const address = addressText(parsed.bytes);
  return {
    version: parsed.version,
    address,
    length,
    network: `${addressText(masked(parsed.bytes, length + 128 - bitsOf(parsed.version)))}/${length}`,
    text: `${address}/${length}`,
  };
}

/** As `parseCidr`; without a length the address stands for itself: "10.0.0.1" is 10.0.0.1/32. */
export function parseCidrOrAddress(text: string): Cidr | undefined {
  if (text.includes("/")) return parseCidr(text);
  const parsed = parseAddress(text);
  return parsed && parseCidr(`${text}/${bitsOf(parsed.version)}`);
}

/** Canonical text of a plain address; undefined for anything else. */
export function canonicalAddress(text: string): string | undefined {
  const parsed = parseAddress(text);
  return parsed && addressText(parsed.bytes);
}

/** Whether the network of `cidr` covers the address. */
export function covers(cidr: Cidr, address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed?.version !== cidr.version) return false;
  return parseCidr(`${address}/${cidr.length}`)?.network === cidr.network;
}

/** The default route of its family. */
export function isDefault(cidr: Cidr): boolean {
  return cidr.length === 0;
}

export function isUnspecified(address: string): boolean {
  return address === "" || address === "0.0.0.0" || address === "::";
}

function masked(bytes: Uint8Array, kept: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, kept - 8 * i))) & 0xff);
}
