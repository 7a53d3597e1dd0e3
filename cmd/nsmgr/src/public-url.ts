import type { networkInterfaces } from "node:os";

/**
 * The URL that other nodes reach this manager under: its first tcp:// URL, with this node's first IPv4 address when it
 * has no host of its own. A manager that only has unix sockets gives the first of them, for a registry of one node.
 */
export function publicUrl(urls: readonly string[], interfaces: ReturnType<typeof networkInterfaces>): string {
  const tcp = urls.find((url) => url.startsWith("tcp://"));
  if (tcp === undefined) return urls[0] ?? "";
  const [, host = "", port = ""] = /^tcp:\/\/(.*):(\d+)$/.exec(tcp) ?? [];
  if (host !== "" && host !== "0.0.0.0" && host !== "[::]") return tcp;
  const addresses = Object.values(interfaces).flatMap((list) => list ?? []);
  const address = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
  return `tcp://${address}:${port}`;
}
