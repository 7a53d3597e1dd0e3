import { ALLOC_PREFIX, keyOfName, netallocIpModel } from "@nsmkit/api/model";

/** `alloc:<network>[/<interface>][/GW]` taken apart (ligato/vpp-agent plugins/netalloc). */
export interface AllocReference {
  readonly network: string;
  /** Logical name of the interface whose address is meant. */
  readonly interface: string;
  /** The gateway of the network instead of the address of the interface. */
  readonly gateway: boolean;
}

const gatewaySuffix = "/GW";

export function isAllocReference(text: string): boolean {
  return text.startsWith(ALLOC_PREFIX);
}

/**
 * Reads a reference.
 * @param own interface that is meant when the reference names none
 * @returns undefined for text that is no reference, or one without network or interface
 */
export function parseAllocReference(text: string, own: string): AllocReference | undefined {
  if (!isAllocReference(text)) return undefined;
  const gateway = text.endsWith(gatewaySuffix);
  const [network = "", ...rest] = text
    .slice(ALLOC_PREFIX.length, gateway ? -gatewaySuffix.length : undefined)
    .split("/");
  const name = rest.join("/") || own;
  return network === "" || name === "" ? undefined : { network, interface: name, gateway };
}

/** The key of the allocation that a reference needs. */
export function allocationKey({ network, interface: name }: AllocReference): string {
  return keyOfName(netallocIpModel, `network/${network}/interface/${name}`) ?? `${netallocIpModel.keyPrefix}<invalid>`;
}

/** Exists while the gateway of an allocation lies in the network of its address. */
export const neighbourGatewayKey = (network: string, name: string): string =>
  `netalloc/neigh-gw/network/${network}/interface/${name}`;
