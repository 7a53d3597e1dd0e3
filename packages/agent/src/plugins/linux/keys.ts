/**
 * Keys of values that nobody declares: derived from declared ones or told by the kernel. The names are those of
 * ligato/vpp-agent (proto/ligato/linux/interfaces/models.go, l3/models.go, namespace/models.go), because users see
 * them in dumps; `linux/host-link/` is ours.
 */
import { keyOfName, linuxInterfaceModel } from "@nsmkit/api/model";

/** A link of the agent's namespace, whatever its state. Told by the kernel. */
export const hostLinkPrefix = "linux/host-link/";
export const hostLinkKey = (host: string): string => `${hostLinkPrefix}${host}`;

/** The same link while it is administratively up, and what it then has. */
export const hostNamePrefix = "linux/interface/host-name/";
export const hostNameKey = (host: string): string => `${hostNamePrefix}${host}`;
export const hostNameAddressKey = (host: string, address: string): string => `${hostNameKey(host)}/address/${address}`;
export const hostNameVrfKey = (host: string, vrf: string): string => `${hostNameKey(host)}/vrf-host-name/${vrf}`;

/** Administrative state of a declared interface, by logical name. Told by the kernel. */
export const statePrefix = "linux/interface/state/";
export const stateKey = (name: string, up: boolean): string => `${statePrefix}${name}/${up ? "UP" : "DOWN"}`;

export type AddressSource = "static" | "alloc_ref" | "existing";
export const addressPrefix = (name: string): string => `linux/interface/${name}/address/`;
export const addressKey = (name: string, source: AddressSource, address: string): string =>
  `${addressPrefix(name)}${source}/${address}`;

const addressForm = /^linux\/interface\/(?!state\/|host-name\/)(.+?)\/address\/(static|alloc_ref|existing)\/(.+)$/;

/** The parts of an address key; undefined for any other key. */
export function parseAddressKey(key: string): { name: string; source: AddressSource; address: string } | undefined {
  const [, name, source, address] = addressForm.exec(key) ?? [];
  if (name === undefined || source === undefined || address === undefined) return undefined;
  return { name, source: source as AddressSource, address };
}

/** Membership of an interface in a VRF, both by logical name. */
export const vrfKey = (name: string, vrf: string): string => `linux/interface/${name}/vrf/${vrf}`;
const vrfForm = /^linux\/interface\/(?!state\/|host-name\/)(?!.*\/address\/).+\/vrf\/.+$/;
export const isVrfKey = (key: string): boolean => vrfForm.test(key);

/** A route without gateway: what it covers is reachable through its interface. */
export const linkLocalRoutePrefix = (name: string): string => `linux/link-local-route/${name}/dest-address/`;
export const linkLocalRouteKey = (name: string, destination: string): string =>
  `${linkLocalRoutePrefix(name)}${destination}`;

export const microservicePrefix = "linux/microservice/";
export const microserviceKey = (label: string): string => `${microservicePrefix}${label}`;

/** A user-defined chain of iptables that exists. */
export const chainPrefix = "linux/iptables/chain/";

/** The key of a declared interface. */
export function interfaceKey(name: string): string {
  return keyOfName(linuxInterfaceModel, name) ?? `${linuxInterfaceModel.keyPrefix}<invalid>`;
}
