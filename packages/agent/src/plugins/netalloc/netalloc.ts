import { netallocIpModel } from "@nsmkit/api/model";
import type { IPAllocation } from "@nsmkit/api/netalloc";
import { CodedError, mustExist } from "@nsmkit/core";
import { type Descriptor, keyPrefix, type Scheduler } from "@nsmkit/scheduler";
import { FieldChecks } from "../field-checks.ts";
import { type Cidr, covers, parseCidr, parseCidrOrAddress } from "../network.ts";
import { neighbourGatewayKey, parseAllocReference } from "./reference.ts";

/** An allocation with its addresses read. */
export interface Allocation {
  readonly address: Cidr;
  readonly gateway?: Cidr;
}

export const netallocDescriptorName = "netalloc-ip";

/** Addresses given by name. Nothing is put into the system: values exist so that others can refer to them. */
export function createNetallocDescriptor(): Descriptor<IPAllocation, Allocation> {
  return {
    name: netallocDescriptorName,
    keySelector: keyPrefix(netallocIpModel.keyPrefix),
    nbKeyPrefix: netallocIpModel.keyPrefix,
    keyLabel: (key) => key.slice(netallocIpModel.keyPrefix.length),
    withMetadata: true,
    validate: (_key, value) => check(value),
    create: ({ value }) => read(value),
    update: ({ newValue }) => read(newValue),
    updateWithRecreate: () => true, // Those who refer to the old address must let go of it first.
    delete: () => {},
    retrieve: ({ correlate }) =>
      correlate.map(({ key, value }) => ({ key, value, metadata: read(value), origin: "NB" as const })),
    derivedValues(_key, value) {
      const { address, gateway } = read(value);
      if (!gateway || !covers(address, gateway.address)) return [];
      return [{ key: neighbourGatewayKey(value.networkName, value.interfaceName), value: {} }];
    },
  };
}

function check(value: IPAllocation): void {
  const checks = new FieldChecks(`netalloc ip "${value.networkName}/${value.interfaceName}"`);
  checks.required("network_name", value.networkName, "name the network; references begin with it");
  checks.required(
    "interface_name",
    value.interfaceName,
    "write the logical name of the interface that has the address",
  );
  if (value.networkName.includes("/"))
    checks.wrong("network_name", `is ${JSON.stringify(value.networkName)}, which no reference can name; leave out "/"`);
  for (const field of ["address", "gw"] as const) {
    const text = value[field];
    if (field === "gw" && text === "") continue;
    if (!parseCidrOrAddress(text))
      checks.wrong(field, `is ${JSON.stringify(text)}, must be an address such as 10.0.0.1/24`);
  }
  checks.throwIfAny();
}

function read(value: IPAllocation): Allocation {
  check(value);
  const address = mustExist(parseCidrOrAddress(value.address), "a checked address");
  const gateway = parseCidrOrAddress(value.gw);
  return { address, ...(gateway ? { gateway } : {}) };
}

/** Looks up what references stand for, among the allocations that are in place now. */
export class AllocationTable {
  readonly #scheduler: () => Scheduler;

  constructor(scheduler: () => Scheduler) {
    this.#scheduler = scheduler;
  }

  /**
   * The address that a field means: itself, or what its reference stands for.
   * @param own interface that a reference without interface means
   * @throws CodedError FAILED_PRECONDITION when the allocation is not there, INVALID_CONFIG when the text is neither
   */
  resolve(text: string, own: string): Cidr {
    const reference = parseAllocReference(text, own);
    if (!reference) {
      const cidr = parseCidrOrAddress(text);
      if (!cidr) throw new CodedError("INVALID_CONFIG", `${JSON.stringify(text)} is no address`);
      return cidr;
    }
    const allocation = this.#find(reference.network, reference.interface);
    if (!allocation)
      throw new CodedError("FAILED_PRECONDITION", `${text} refers to an allocation that does not exist`, {
        retryable: true,
      });
    if (!reference.gateway) return allocation.address;
    if (!allocation.gateway)
      throw new CodedError("INVALID_CONFIG", `${text} refers to an allocation without gw; set gw in it`);
    return allocation.gateway;
  }

  /** As `resolve`, for places where a reference that leads nowhere is no error. */
  tryResolve(text: string, own: string): Cidr | undefined {
    const reference = parseAllocReference(text, own);
    if (!reference) return parseCidrOrAddress(text);
    const allocation = this.#find(reference.network, reference.interface);
    return reference.gateway ? allocation?.gateway : allocation?.address;
  }

  #find(network: string, name: string): Allocation | undefined {
    return this.#scheduler().metadata<Allocation>(netallocDescriptorName).get(`network/${network}/interface/${name}`);
  }
}

/** A network as the kernel wants it as destination, from an address or a reference already resolved. */
export function networkOf(cidr: Cidr): string {
  return parseCidr(cidr.text)?.network ?? cidr.text;
}
