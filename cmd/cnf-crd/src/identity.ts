import type { Client, Resource, UnknownObject } from "@nsmkit/kube";

const namespaces: Resource = { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false };
const leases: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

type Call = { readonly signal: AbortSignal };

/** What tells this cluster from others that use the same etcd: the uid of a namespace that every cluster has and keeps. */
export async function clusterId(client: Client, call: Call): Promise<string> {
  const { metadata } = await client.get<UnknownObject>(namespaces, { name: "kube-system" }, call);
  return metadata.uid ?? "";
}

/** Whether the cluster has this process as its leader now, whatever we remember. */
export async function holdsLease(
  client: Client,
  at: { readonly namespace: string; readonly name: string },
  identity: string,
  call: Call,
): Promise<boolean> {
  const lease = await client.find<UnknownObject>(leases, at, call);
  return (lease?.spec as { holderIdentity?: unknown } | undefined)?.holderIdentity === identity;
}
