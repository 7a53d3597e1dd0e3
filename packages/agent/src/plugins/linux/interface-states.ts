import { create } from "@bufbuild/protobuf";
import {
  type InterfaceState,
  InterfaceStateSchema,
  InterfaceState_Status as Status,
  Interface_Type as Type,
} from "@nsmkit/api/linux";
import type { Clock } from "@nsmkit/core";
import type { Link } from "@nsmkit/netlink";
import { linkId } from "./context.ts";

/** States of the links of declared interfaces, told to who wants to know as they change. */
export class InterfaceStates {
  readonly #clock: Clock;
  readonly #typeOf: (name: string) => Type | undefined;
  readonly #states = new Map<string, InterfaceState>();
  readonly #names = new Map<string, string>();
  readonly #listeners = new Set<(state: InterfaceState) => void>();

  constructor(clock: Clock, typeOf: (name: string) => Type | undefined) {
    this.#clock = clock;
    this.#typeOf = typeOf;
  }

  /** What is known now. */
  get current(): readonly InterfaceState[] {
    return [...this.#states.values()];
  }

  /** @returns stops it */
  subscribe(listener: (state: InterfaceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The link of an interface is as given. Nothing is told when nothing of it changed. */
  is(name: string, namespaceId: string, link: Link): void {
    this.#names.set(linkId(namespaceId, link.index), name);
    const before = this.#states.get(name);
    const state = create(InterfaceStateSchema, {
      name,
      internalName: link.name,
      type: this.#typeOf(name) ?? before?.type ?? Type.UNDEFINED,
      ifIndex: link.index,
      adminStatus: link.up ? Status.UP : Status.DOWN,
      operStatus: link.operState === "down" || link.operState === "not-present" ? Status.DOWN : Status.UP,
      physAddress: link.mac ?? "",
      mtu: link.mtu,
    });
    if (before && same(before, state)) return;
    this.#tell({ ...state, lastChange: this.#seconds() });
  }

  /** As `is`, for a link that may be no interface's. */
  linkIs(namespaceId: string, link: Link, names: readonly string[]): void {
    const known = this.#names.get(linkId(namespaceId, link.index));
    for (const name of new Set(known === undefined ? names : [...names, known])) this.is(name, namespaceId, link);
  }

  /** The link is gone, or is no longer the interface's. */
  gone(name: string): void {
    const before = this.#states.get(name);
    if (!before) return;
    for (const [id, owner] of this.#names) if (owner === name) this.#names.delete(id);
    const status = { adminStatus: Status.DELETED, operStatus: Status.DELETED };
    this.#tell({ ...before, ...status, lastChange: this.#seconds() });
    this.#states.delete(name);
  }

  linkGone(namespaceId: string, index: number): void {
    const name = this.#names.get(linkId(namespaceId, index));
    if (name !== undefined) this.gone(name);
  }

  #tell(state: InterfaceState): void {
    this.#states.set(state.name, state);
    for (const listener of this.#listeners) listener(state);
  }

  #seconds(): bigint {
    return BigInt(Math.floor(this.#clock.now() / 1000));
  }
}

function same(a: InterfaceState, b: InterfaceState): boolean {
  return (
    a.internalName === b.internalName &&
    a.ifIndex === b.ifIndex &&
    a.adminStatus === b.adminStatus &&
    a.operStatus === b.operStatus &&
    a.physAddress === b.physAddress &&
    a.mtu === b.mtu &&
    a.type === b.type
  );
}
