import { CodedError } from "@nsmkit/core";
import { type Client, objectKey } from "@nsmkit/kube";
import type { Admission, AdmissionRequest } from "@nsmkit/kube/admission";
import { type Nsm, nsms } from "../status/status.ts";

/**
 * Whether a new NSM resource would be the second one of the cluster, which has room for one mesh. The API server is asked, as
 * followers answer too and have no cache; resources are made seldom. What cannot be known is let through: the reconciler
 * refuses the second one as well.
 */
export async function refuseRival(
  { operation, object }: Pick<AdmissionRequest, "operation" | "object">,
  client: Pick<Client, "list">,
  watchNamespaces: readonly string[],
): Promise<Admission | undefined> {
  if (operation !== "CREATE" || !object) return undefined;
  const places = watchNamespaces.length > 0 ? watchNamespaces.map((namespace) => ({ namespace })) : [{}];
  try {
    const signal = AbortSignal.timeout(2_000);
    const lists = await Promise.all(places.map((place) => client.list<Nsm>(nsms, { ...place, signal })));
    const rival = lists
      .flatMap(({ items }) => items)
      .find((one) => objectKey(one) !== objectKey(object) && one.metadata.deletionTimestamp === undefined);
    if (!rival) return undefined;
    const message = `the cluster has the mesh of NSM ${objectKey(rival)} already; delete that one first, or change it instead`;
    return { allowed: false, message };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return undefined;
  }
}
