import { invalidValue } from "@nsmkit/scheduler";
import { isAllocReference, parseAllocReference } from "./netalloc/reference.ts";
import { parseCidr } from "./network.ts";

/** Longest name of a link, in bytes: IFNAMSIZ of linux/if.h less the final zero. */
export const maxLinkName = 15;

/** Collects what is wrong with the fields of one value, to tell its author everything at once. */
export class FieldChecks {
  readonly #title: string;
  readonly #fields: string[] = [];
  readonly #texts: string[] = [];

  /** @param title the object in every message: `linux.l3 route "10.0.0.0/8 via eth0"` */
  constructor(title: string) {
    this.#title = title;
  }

  /** @param text what is wrong and what to write instead, after the field's name: `is "x", must be …` */
  wrong(field: string, text: string): void {
    if (!this.#fields.includes(field)) this.#fields.push(field);
    this.#texts.push(`field "${field}" ${text}`);
  }

  required(field: string, value: string, remedy: string): void {
    if (value === "") this.wrong(field, `is empty; ${remedy}`);
  }

  /** A name that a link may have in the kernel (dev_valid_name of net/core/dev.c). */
  linkName(field: string, value: string, remedy: string): void {
    const length = Buffer.byteLength(value);
    if (length > maxLinkName)
      this.wrong(field, `is ${JSON.stringify(value)} (${length} characters), Linux allows ${maxLinkName}; ${remedy}`);
    else if (/[/:\s]/.test(value) || value === "." || value === ".." || !value.isWellFormed() || value.includes("\0"))
      this.wrong(field, `is ${JSON.stringify(value)}, a link name has no blanks, "/" or ":"; ${remedy}`);
  }

  mac(field: string, value: string): void {
    if (value === "") return;
    const example = "such as 02:00:00:00:00:01";
    if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(value))
      this.wrong(field, `is ${JSON.stringify(value)}, must be a MAC address ${example}`);
    else if (Number.parseInt(value.slice(0, 2), 16) & 1)
      this.wrong(field, `is ${JSON.stringify(value)}, which is a group address; use one ${example}`);
    else if (/^(00[:-]){5}00$/.test(value))
      this.wrong(field, `is ${JSON.stringify(value)}, which no link can have; use one ${example}`);
  }

  /** Addresses that an interface is to have: with prefix length, or references to allocations. */
  interfaceAddresses(field: string, values: readonly string[], own: string): void {
    const seen = new Map<string, number>();
    for (const [i, value] of values.entries()) {
      const at = `${field}[${i}]`;
      if (isAllocReference(value)) {
        this.allocReference(at, value, own);
        continue;
      }
      const cidr = parseCidr(value);
      if (!cidr) {
        this.wrong(at, `is ${JSON.stringify(value)}, must be an address with prefix length such as 10.0.0.1/24`);
        continue;
      }
      if (/^(0\.|22[4-9]\.|23\d\.)/.test(cidr.address) || cidr.address === "::" || cidr.address.startsWith("ff"))
        this.wrong(at, `is ${JSON.stringify(value)}, which no interface can have; use a unicast address`);
      const twin = seen.get(cidr.text);
      if (twin !== undefined) this.wrong(at, `repeats ${field}[${twin}] (${cidr.text}); keep one`);
      seen.set(cidr.text, i);
    }
  }

  /** @param own interface that a reference without interface means; "" where it must name one */
  allocReference(field: string, value: string, own: string): void {
    if (!parseAllocReference(value, own))
      this.wrong(
        field,
        `is ${JSON.stringify(value)}, must be alloc:<network>/<interface>, with /GW at the end for the gateway`,
      );
  }

  /** @throws CodedError INVALID_CONFIG; `details.fields` has the fields */
  throwIfAny(): void {
    if (this.#texts.length > 0) throw invalidValue(`${this.#title}: ${this.#texts.join("; ")}`, this.#fields);
  }
}
