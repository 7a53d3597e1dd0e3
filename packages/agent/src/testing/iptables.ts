import { CodedError } from "@nsmkit/core";
import type { OpenNamespace } from "../plugins/linux/namespaces.ts";
import type { Iptables } from "../plugins/linux/rulechain/iptables.ts";

const builtIn: Readonly<Record<string, readonly string[]>> = {
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  raw: ["PREROUTING", "OUTPUT"],
  security: ["INPUT", "FORWARD", "OUTPUT"],
};

interface FakeChain {
  policy: string;
  rules: string[];
}

/** iptables in memory: one commit takes effect as a whole or not at all. Rules are kept as they were written. */
export class FakeIptables implements Iptables {
  /** Inputs of `restore`, oldest first. */
  readonly inputs: string[] = [];
  readonly #tables = new Map<string, Map<string, FakeChain>>();
  /** Thrown by every call while it is set. */
  failure: CodedError | undefined;

  /** The rules of a chain of the agent's own namespace; undefined: there is no such chain. */
  rules(table: string, chain: string, namespaceId?: string): readonly string[] | undefined {
    return this.#chainOf(namespaceId, table, chain)?.rules;
  }

  policy(table: string, chain: string, namespaceId?: string): string | undefined {
    return this.#chainOf(namespaceId, table, chain)?.policy;
  }

  /** As if somebody else did it. */
  disturb(table: string, chain: string, change: (rules: string[]) => void): void {
    const found = this.#chainOf(undefined, table, chain);
    if (found) change(found.rules);
  }

  async restore(namespace: OpenNamespace, v6: boolean, input: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.inputs.push(input);
    const lines = input.split("\n");
    const table = lines[0]?.slice(1) ?? "";
    const key = this.#key(namespace.own ? undefined : namespace.id, v6, table);
    const chains = new Map(
      [...this.#chains(key, table)].map(([name, { policy, rules }]) => [name, { policy, rules: [...rules] }]),
    );
    for (const [i, line] of lines.entries()) {
      if (line === "" || line.startsWith("*")) continue;
      if (line === "COMMIT") this.#tables.set(key, chains);
      else apply(chains, line, i + 1);
    }
  }

  async save(namespace: OpenNamespace, v6: boolean): Promise<string> {
    if (this.failure) throw this.failure;
    const lines: string[] = [];
    for (const table of Object.keys(builtIn)) {
      const chains = this.#tables.get(this.#key(namespace.own ? undefined : namespace.id, v6, table));
      if (!chains) continue;
      lines.push(`*${table}`);
      for (const [name, { policy }] of chains) lines.push(`:${name} ${policy} [0:0]`);
      for (const [name, { rules }] of chains) for (const rule of rules) lines.push(`-A ${name} ${rule}`);
      lines.push("COMMIT");
    }
    return `${lines.join("\n")}\n`;
  }

  #chainOf(namespaceId: string | undefined, table: string, chain: string): FakeChain | undefined {
    return this.#chains(this.#key(namespaceId, false, table), table).get(chain);
  }

  #key(namespaceId: string | undefined, v6: boolean, table: string): string {
    return `${namespaceId ?? "own"}/${v6}/${table}`;
  }

  #chains(key: string, table: string): Map<string, FakeChain> {
    const known = this.#tables.get(key);
    if (known) return known;
    const fresh = new Map((builtIn[table] ?? []).map((name) => [name, { policy: "ACCEPT", rules: [] }]));
    return fresh;
  }
}

function apply(chains: Map<string, FakeChain>, line: string, number: number): void {
  const [word = "", chain = "", ...rest] = line.split(" ");
  const fail = (text: string): never => {
    throw new CodedError("INVALID_CONFIG", text, { retryable: false, details: { line: number } });
  };
  if (line.startsWith(":")) {
    const name = word.slice(1);
    const known = chains.get(name);
    if (chain === "-") chains.set(name, { policy: "-", rules: [] });
    else if (known) known.policy = chain;
    else fail(`no chain ${name}`);
    return;
  }
  const found = chains.get(chain) ?? fail(`no chain ${chain}`);
  if (word === "-F") found.rules = [];
  else if (word === "-X") chains.delete(chain);
  else if (line.includes("--bogus")) fail('unknown option "--bogus"');
  else found.rules.push(rest.join(" "));
}
