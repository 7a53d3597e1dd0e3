import { createHash } from "node:crypto";
import { CodedError } from "@nsmkit/core";
import { maxLinkName } from "../field-checks.ts";
import type { EndpointClient } from "./mesh.ts";

export interface NamingRule {
  readonly prefix: string;
  /** Label of the client whose value becomes the suffix, or "" for a number. */
  readonly suffixFromLabel: string;
}

/** Logical names of the interfaces of an endpoint's clients. */
export class InterfaceNames {
  readonly #rule: NamingRule;
  readonly #isTaken: (name: string) => boolean;
  readonly #names = new Map<string, string>();

  /** @param isTaken whether somebody else has an interface of that name */
  constructor(rule: NamingRule, isTaken: (name: string) => boolean) {
    this.#rule = rule;
    this.#isTaken = isTaken;
  }

  nameOf(connectionId: string): string | undefined {
    return this.#names.get(connectionId);
  }

  /** @throws CodedError INVALID_ARGUMENT (the client lacks the label), ALREADY_EXISTS (another client has that name) */
  assign(client: EndpointClient): string {
    const known = this.#names.get(client.connectionId);
    if (known !== undefined) return known;
    const name = this.#rule.suffixFromLabel === "" ? this.#numbered(client) : this.#labelled(client);
    this.#names.set(client.connectionId, name);
    return name;
  }

  release(connectionId: string): string | undefined {
    const name = this.#names.get(connectionId);
    this.#names.delete(connectionId);
    return name;
  }

  #labelled({ labels }: EndpointClient): string {
    const { prefix, suffixFromLabel } = this.#rule;
    const value = labels[suffixFromLabel];
    if (value === undefined || value === "")
      throw new CodedError(
        "INVALID_ARGUMENT",
        `the client has no label ${JSON.stringify(suffixFromLabel)}, which names its interface here (interface_name_suffix_from_label)`,
      );
    const name = `${prefix}${value}`;
    if (!this.#inUse(name)) return name;
    throw new CodedError(
      "ALREADY_EXISTS",
      `another client has the interface ${JSON.stringify(name)}; give every client a label ${JSON.stringify(suffixFromLabel)} of its own`,
    );
  }

  /** The number that the link has already, so that it stays when the agent was restarted; else the lowest free one. */
  #numbered({ interfaceName }: EndpointClient): string {
    const { prefix } = this.#rule;
    const before = interfaceName.startsWith(prefix) && /^(0|[1-9]\d{0,8})$/.test(interfaceName.slice(prefix.length));
    if (before && !this.#inUse(interfaceName)) return interfaceName;
    let number = 0;
    while (this.#inUse(`${prefix}${number}`)) number++;
    return `${prefix}${number}`;
  }

  #inUse(name: string): boolean {
    return this.#isTaken(name) || [...this.#names.values()].includes(name);
  }
}

/** The link's name for a logical one: itself where the kernel takes it, else its beginning and a digest. */
export function linkNameFor(name: string): string {
  if (Buffer.byteLength(name) <= maxLinkName && /^[^/:\s]+$/.test(name) && name !== "." && name !== "..") return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 6);
  const head = name.replaceAll(/[^A-Za-z0-9_-]/g, "").slice(0, maxLinkName - 1 - digest.length);
  return `${head || "nsm"}-${digest}`;
}
