import type { UnknownObject } from "@nsmkit/kube";

/** Fields that an API server refuses to change (validation of apps/v1, rbac/v1, core/v1, storage/v1). */
const immutable: Readonly<Record<string, readonly string[]>> = {
  Deployment: ["spec.selector"],
  DaemonSet: ["spec.selector"],
  StatefulSet: ["spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"],
  RoleBinding: ["roleRef"],
  ClusterRoleBinding: ["roleRef"],
  Secret: ["type"],
  Service: ["spec.clusterIP"],
  CSIDriver: ["spec.attachRequired", "spec.podInfoOnMount", "spec.volumeLifecycleModes"],
};

/** The first field whose wanted value needs the object to be made anew; undefined when it can be changed in place. */
export function immutableChange(desired: UnknownObject, live: UnknownObject): string | undefined {
  return immutable[desired.kind]?.find((path) => {
    const wanted = at(desired, path);
    return wanted !== undefined && at(live, path) !== undefined && differs(wanted, at(live, path));
  });
}

function at(object: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], object);
}

/** Defaults that the server added to live do not count, except in a map of labels, where every entry does. */
function differs(wanted: unknown, live: unknown, path = ""): boolean {
  if (Array.isArray(wanted)) {
    return (
      !Array.isArray(live) || live.length !== wanted.length || wanted.some((item, i) => differs(item, live[i], path))
    );
  }
  if (typeof wanted !== "object" || wanted === null) return wanted !== live;
  if (typeof live !== "object" || live === null) return true;
  const [a, b] = [wanted as Record<string, unknown>, live as Record<string, unknown>];
  if (path.endsWith("matchLabels") && Object.keys(b).some((key) => !(key in a))) return true;
  return Object.entries(a).some(([key, value]) => differs(value, b[key], `${path}.${key}`));
}
