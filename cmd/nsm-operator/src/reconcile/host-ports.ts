import type { UnknownObject } from "@nsmkit/kube";

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly containers?: readonly {
    readonly ports?: readonly { hostPort?: number; containerPort?: number; protocol?: string }[];
  }[];
}

/** Ports of the node that a workload's Pods take: "TCP 5001". */
function hostPorts(workload: UnknownObject): ReadonlySet<string> {
  const pod = (workload.spec as { template?: { spec?: PodSpec } } | undefined)?.template?.spec;
  const ports = pod?.containers?.flatMap((container) => container.ports ?? []) ?? [];
  return new Set(
    ports.flatMap(({ hostPort, containerPort, protocol = "TCP" }) => {
      const port = hostPort ?? (pod?.hostNetwork ? containerPort : undefined);
      return port === undefined ? [] : [`${protocol} ${port}`];
    }),
  );
}

export function sharesHostPort(a: UnknownObject, b: UnknownObject): boolean {
  return !hostPorts(a).isDisjointFrom(hostPorts(b));
}
