import { invalid } from "./invalid.ts";

const remedy = 'write it like "net.ipv4.ip_forward" or "net/ipv4/conf/eth0.10/forwarding"';

/**
 * The path below /proc/sys of a setting's name. As in sysctl(8), the separator that comes first decides: in a dotted
 * name "/" stands for a dot ("net.ipv4.conf.eth0/10.forwarding"), in a path dots are dots.
 * @throws CodedError INVALID_ARGUMENT unless it stays below net
 */
export function sysctlPath(name: unknown, field = "sysctl"): string {
  if (typeof name !== "string") throw invalid(field, name, "is not text", remedy);
  const slashFirst = name.search(/[./]/) === name.indexOf("/") && name.includes("/");
  const parts = slashFirst ? name.split("/") : name.split(".").map((part) => part.replaceAll("/", "."));
  if (parts[0] !== "net" || parts.length < 2) throw invalid(field, name, "is not below net", remedy);
  for (const part of parts) {
    if (part === "" || part === "." || part === "..") throw invalid(field, name, "has an empty or dotted part", remedy);
    if (!/^[\x21-\x7e]+$/.test(part)) throw invalid(field, name, "has a character that no setting has", remedy);
  }
  return parts.join("/");
}
