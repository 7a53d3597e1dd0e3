/** The chain of examples/nat-chain made by hand: three namespaces, two veth pairs, one rule. */
import { execFileSync } from "node:child_process";

export interface Chain {
  /** Paths of network namespaces. */
  readonly client: string;
  readonly web: string;
  /** Of the web server. */
  readonly address: string;
  /** Of the client as the web server must see it. */
  readonly translated: string;
}

const run = (command: string, ...args: string[]): void => {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
};

/** @param stack removes it all */
export function chainByHand(stack: DisposableStack, prefix: string): Chain {
  const [client, nat, web] = ["client", "nat", "web"].map((name) => `${prefix}-${name}`) as [string, string, string];
  for (const name of [client, nat, web]) {
    run("ip", "netns", "add", name);
    stack.defer(() => run("ip", "netns", "delete", name));
    run("ip", "-n", name, "link", "set", "lo", "up");
  }
  run("ip", "-n", nat, "link", "add", "inside0", "type", "veth", "peer", "name", "eth0", "netns", client);
  run("ip", "-n", nat, "link", "add", "outside0", "type", "veth", "peer", "name", "eth0", "netns", web);
  for (const [name, link, address] of [
    [client, "eth0", "192.168.100.10/24"],
    [nat, "inside0", "192.168.100.1/24"],
    [nat, "outside0", "80.80.80.100/24"],
    [web, "eth0", "80.80.80.80/24"],
  ] as const) {
    run("ip", "-n", name, "address", "add", address, "dev", link);
    run("ip", "-n", name, "link", "set", link, "up");
  }
  run("ip", "-n", client, "route", "add", "80.80.80.0/24", "via", "192.168.100.1");
  const inNat = ["netns", "exec", nat];
  run("ip", ...inNat, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
  run("ip", ...inNat, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "outside0", "-j", "MASQUERADE");
  const path = (name: string): string => `/run/netns/${name}`;
  return { client: path(client), web: path(web), address: "80.80.80.80", translated: "80.80.80.100" };
}
