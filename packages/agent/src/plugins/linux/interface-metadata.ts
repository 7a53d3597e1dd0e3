import type { Interface } from "@nsmkit/api/linux";
import type { Link } from "@nsmkit/netlink";
import type { InterfaceMetadata } from "./context.ts";
import { tableOf } from "./links/index.ts";
import type { OpenNamespace } from "./namespaces.ts";

export function metadataOf(value: Interface, namespace: OpenNamespace, link: Link): InterfaceMetadata {
  const table = tableOf(value);
  return {
    namespace: value.namespace,
    namespaceId: namespace.id,
    hostName: link.name,
    index: link.index,
    ...(table ? { table } : {}),
    ...(value.vrfMasterInterface ? { vrf: value.vrfMasterInterface } : {}),
  };
}
