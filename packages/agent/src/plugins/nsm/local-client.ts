import { create } from "@bufbuild/protobuf";
import { type Interface, InterfaceSchema, Interface_Type as Type } from "@nsmkit/api/linux";
import { keyOf, linuxInterfaceModel } from "@nsmkit/api/model";
import type { Applied, Northbound } from "../../northbound/northbound.ts";

/** The source of what the agent declares to itself, named as in Ligato. */
export const localSource = "localclient";

export interface MeshInterface {
  /** Logical name. */
  readonly name: string;
  /** Name of the link, where it is another. */
  readonly linkName: string;
  readonly addresses: readonly string[];
  readonly mac: string;
}

/** Declares the interfaces that connections yield: EXISTING ones, because the mesh makes the links. */
export class LocalClient {
  readonly #northbound: Northbound;

  constructor(northbound: Northbound) {
    this.#northbound = northbound;
  }

  /** @param place who asks, for errors. @throws CodedError INVALID_CONFIG when the interface contradicts another one */
  put(wanted: MeshInterface, place: string): Applied {
    const value = interfaceOf(wanted);
    const item = { key: keyOf(linuxInterfaceModel, value), model: linuxInterfaceModel, value, place };
    return this.#northbound.apply([{ source: localSource, put: [item] }], { description: `${place} is connected` });
  }

  remove(name: string, place: string): Applied {
    const key = keyOf(linuxInterfaceModel, create(InterfaceSchema, { name }));
    return this.#northbound.apply([{ source: localSource, delete: [key] }], {
      description: `${place} is disconnected`,
    });
  }

  /** Whether a connection has an interface of that logical name. */
  isTaken(name: string): boolean {
    return this.#northbound.store
      .itemsOf(localSource)
      .has(keyOf(linuxInterfaceModel, create(InterfaceSchema, { name })));
  }
}

function interfaceOf({ name, linkName, addresses, mac }: MeshInterface): Interface {
  return create(InterfaceSchema, {
    name,
    type: Type.EXISTING,
    enabled: true,
    hostIfName: linkName === name ? "" : linkName,
    ipAddresses: [...addresses],
    physAddress: mac,
  });
}
