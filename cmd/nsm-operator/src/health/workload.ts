import type { UnknownObject } from "@nsmkit/kube";

/** How far an object is on its way to do its work. */
export interface Health {
  readonly available: boolean;
  /** Pods that are ready and of the current template, and how many there shall be; absent for what has no Pods. */
  readonly pods?: { readonly ready: number; readonly desired: number };
  /** One clause for people, when it is not available. */
  readonly message?: string;
}

interface Live {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string; readonly message?: string }[];
  };
}

const fine: Health = { available: true };

/** The state of a live object by the rules of `kubectl rollout status`. */
export function healthOf(live: UnknownObject): Health {
  const { spec, status } = live as unknown as Live;
  switch (live.kind) {
    case "Deployment":
    case "StatefulSet":
      return replicas(live, spec?.replicas ?? 1, status ?? {});
    case "DaemonSet":
      return daemons(live, status);
    case "CustomResourceDefinition": {
      const established = status?.conditions?.find((condition) => condition.type === "Established");
      return established?.status === "True" ? fine : { available: false, message: "not yet served by the API server" };
    }
    default:
      return fine;
  }
}

const seen = (live: UnknownObject, observed: number | undefined): boolean =>
  (observed ?? 0) >= (live.metadata.generation ?? 0);

function replicas(live: UnknownObject, desired: number, status: NonNullable<Live["status"]>): Health {
  const { replicas: all = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const current = seen(live, status.observedGeneration);
  const ready = current ? Math.min(updatedReplicas, availableReplicas) : 0;
  const pods = { ready: Math.min(ready, desired), desired };
  if (!current) return { available: false, pods, message: "the change has not been taken up yet" };
  const stuck = status.conditions?.find((one) => one.type === "Progressing" && one.status === "False")?.message;
  if (ready < desired)
    return { available: false, pods, message: `${ready} of ${desired} Pods available${stuck ? `: ${stuck}` : ""}` };
  if (all > desired)
    return { available: false, pods, message: `${all - desired} Pods of the old template still there` };
  return { available: true, pods };
}

function daemons(live: UnknownObject, status: Live["status"]): Health {
  const { desiredNumberScheduled: desired, updatedNumberScheduled: updated = 0, numberAvailable = 0 } = status ?? {};
  if (desired === undefined || !seen(live, status?.observedGeneration)) {
    return {
      available: false,
      pods: { ready: 0, desired: desired ?? 0 },
      message: "the change has not been taken up yet",
    };
  }
  const ready = Math.min(updated, numberAvailable);
  const pods = { ready, desired };
  return ready >= desired
    ? { available: true, pods }
    : { available: false, pods, message: `available on ${ready} of ${desired} nodes` };
}
