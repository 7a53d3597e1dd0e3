import type { Interface } from "@nsmkit/api/linux";
import type { Link, LinkChanges } from "@nsmkit/netlink";
import type { Dependency } from "@nsmkit/scheduler";
import type { OpenNamespace } from "../namespaces.ts";

export interface LinkOptions {
  readonly signal: AbortSignal;
}

/** One type of interface: how its link comes to be, and what happens to it in the end. */
export interface LinkKind {
  dependencies(value: Interface): readonly Dependency[];
  /**
   * Makes the link, or takes over the one that is there and marked as this interface's.
   * @returns the link as it is now; its settings need not be right yet
   * @throws CodedError ALREADY_EXISTS when the name is taken by a link of somebody else
   */
  create(value: Interface, namespace: OpenNamespace, options: LinkOptions): Promise<Link>;
  /** Takes the link away or gives it back. One that is gone is a success. */
  delete(value: Interface, namespace: OpenNamespace, options: LinkOptions): Promise<void>;
  /** The mark of this interface; undefined for types that are not marked. */
  alias(value: Interface): string | undefined;
  /** MTU that "0" stands for; undefined: leave it alone. */
  readonly defaultMtu?: number;
  /** Only what is declared gets set; in particular the link is never set down. Default false. */
  readonly foreign?: boolean;
}

/** What has to change on a link so that it is as declared; undefined: nothing. */
export function settingsOf(kind: LinkKind, value: Interface, link: Link): LinkChanges | undefined {
  const alias = kind.alias(value);
  const mtu = value.mtu || kind.defaultMtu;
  const mac = value.physAddress.toLowerCase().replaceAll("-", ":");
  const up = value.enabled || (kind.foreign ? link.up : false);
  const changes: LinkChanges = {
    ...(alias !== undefined && alias !== link.alias ? { alias } : {}),
    ...(mac !== "" && mac !== link.mac ? { mac } : {}),
    ...(mtu !== undefined && mtu !== link.mtu ? { mtu } : {}),
    ...(up !== link.up ? { up } : {}),
  };
  return Object.keys(changes).length > 0 ? changes : undefined;
}
