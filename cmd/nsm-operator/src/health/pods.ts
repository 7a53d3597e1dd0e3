import type { Client, Resource, UnknownObject } from "@nsmkit/kube";

interface Pod extends UnknownObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type?: string; readonly status?: string; readonly message?: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name?: string;
  readonly image?: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

const pods: Resource<Pod> = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };
/** Reasons of a waiting container that are a fault (kubelet: pkg/kubelet/images, pkg/kubelet/container). */
const faults = /^(ErrImage|ImagePullBackOff|InvalidImageName|CrashLoopBackOff|CreateContainer|RunContainerError)/;
const imageFaults = /^(ErrImage|ImagePullBackOff|InvalidImageName)/;

/** Why a workload's Pods do not start. */
export interface Trouble {
  readonly image: boolean;
  readonly message: string;
}

/**
 * Asks for the Pods of one workload. Pods are not watched, as that would make the operator as large as the cluster; this is
 * one list by label, and only while the workload is not available.
 * @returns undefined when nothing is known to be wrong
 */
export async function troubleOf(
  client: Pick<Client, "list">,
  workload: UnknownObject,
  { signal }: { signal: AbortSignal },
): Promise<Trouble | undefined> {
  const { selector } = workload.spec as { selector?: { matchLabels?: Readonly<Record<string, string>> } };
  const { namespace } = workload.metadata;
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  if (namespace === undefined || labels.length === 0) return undefined;
  const { items } = await client.list(pods, { namespace, labelSelector: labels.join(","), signal });
  for (const { status } of items) {
    for (const container of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
      const { reason = "", message } = container.state?.waiting ?? {};
      if (!faults.test(reason)) continue;
      const image = imageFaults.test(reason);
      const what = image ? `image ${container.image}` : `container ${container.name}`;
      return { image, message: `${what}: ${reason}${message ? ` (${message.slice(0, 200)})` : ""}` };
    }
    const unscheduled = status?.conditions?.find((one) => one.type === "PodScheduled" && one.status === "False");
    if (unscheduled?.message) return { image: false, message: unscheduled.message.slice(0, 200) };
  }
  return undefined;
}
