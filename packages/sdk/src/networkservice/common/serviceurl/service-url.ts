import { CodedError } from "@nsmkit/core";
import { checkInterfaceName } from "../mechanisms/kernel/interface-name.ts";
import { mechanismClass } from "../mechanisms/types.ts";

/** What a client asks for in one line, as in NSM_NETWORK_SERVICES and the annotation `networkservicemesh.io`. */
export interface ServiceUrl {
  /** KERNEL, MEMIF, ... */
  readonly mechanism: string;
  /** `name`, or `name@domain` for another mesh. */
  readonly networkService: string;
  /** undefined: one is made up. */
  readonly interfaceName: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

const form = "<mechanism>://<service>[@<domain>][/<interface>][?<label>=<value>&...]";

/**
 * Reads `kernel://icmp-responder/nsm-1?color=blue`. A label that is given twice has both values, joined by a comma.
 * @throws INVALID_ARGUMENT naming the URL, the part that is wrong and the form it must have
 */
export function parseServiceUrl(text: string): ServiceUrl {
  const fail = (why: string): never => {
    throw new CodedError("INVALID_ARGUMENT", `service URL ${JSON.stringify(text)}: ${why}; it must read ${form}`);
  };
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text.trim());
  if (!match) return fail("this is no such URL");
  const [, scheme = "", authority = "", path = "", query = ""] = match;
  const mechanism = scheme.toUpperCase();
  const local = Object.keys(mechanismClass).filter((type) => mechanismClass[type] === "LOCAL");
  if (!local.includes(mechanism)) fail(`unknown mechanism "${scheme}", known are ${local.join(", ").toLowerCase()}`);
  const networkService = decode(authority, fail);
  if (!/^[^@\s:]+(@[^@\s]+)?$/.test(networkService)) fail("the name of the network service is missing or wrong");
  const interfaceName = decode(path, fail);
  if (interfaceName.includes("/")) fail("only one path element, the interface name, may follow the service");
  if (interfaceName !== "" && mechanism === "KERNEL") checkInterfaceName(interfaceName);
  return { mechanism, networkService, interfaceName: interfaceName || undefined, labels: labelsOf(query, fail) };
}

function decode(text: string, fail: (why: string) => never): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail(`"${text}" has a broken % escape`);
  }
}

function labelsOf(query: string, fail: (why: string) => never): Record<string, string> {
  const labels = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = decode((at < 0 ? pair : pair.slice(0, at)).replaceAll("+", " "), fail);
    const value = decode(at < 0 ? "" : pair.slice(at + 1).replaceAll("+", " "), fail);
    if (name === "") fail("a label has no name");
    labels.set(name, [...(labels.get(name) ?? []), value]);
  }
  return Object.fromEntries([...labels].map(([name, values]) => [name, values.join(",")]));
}

/** A comma separated list of service URLs. A comma inside a URL must be written %2C. */
export function parseServiceUrls(text: string): ServiceUrl[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map(parseServiceUrl);
}
