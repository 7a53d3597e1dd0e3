import { isDeepStrictEqual } from "node:util";
import type { LabSpec, PodSpec } from "./spec.ts";

export type PlanKind = "node" | "link" | "service" | "network service" | "config map" | "pod" | "configuration";
export type PlanAction = "create" | "update" | "replace" | "delete";

/** One difference between the lab that is and the lab that shall be. */
export interface PlanStep {
  readonly action: PlanAction;
  readonly kind: PlanKind;
  readonly name: string;
  /** Why, where it is not plain: "its node is replaced". */
  readonly reason?: string;
}

/**
 * What turns `from` into `to`, in the order in which it is done: away with the old first, then what others need.
 * An empty plan means nothing to do.
 */
export function planLab(from: LabSpec | undefined, to: LabSpec): PlanStep[] {
  const { cluster: _none, ...empty } = to;
  const base: LabSpec = from ?? {
    ...empty,
    nodes: [],
    links: [],
    networkServices: [],
    configMaps: [],
    pods: [],
    configurations: [],
  };
  const underlayChanged = base.gateway !== to.gateway || base.underlayMtu !== to.underlayMtu;
  const nodes = compare("node", base.nodes, to.nodes, () => (underlayChanged ? "the underlay changed" : undefined));
  const goneNodes = new Set(nodes.filter((step) => step.action !== "create").map((step) => step.name));
  const pods = compare("pod", base.pods, to.pods, (pod) =>
    goneNodes.has(pod.node) ? "its node is replaced" : undefined,
  );
  const gonePods = new Set(pods.filter((step) => step.action !== "create").map((step) => step.name));
  const links = compare("link", base.links, to.links, (link) =>
    link.ends.some(({ owner }) => (owner.kind === "node" ? goneNodes : gonePods).has(owner.name))
      ? "one of its ends is replaced"
      : undefined,
  );
  const ports = compare("service", base.cluster?.services ?? [], to.cluster?.services ?? [], undefined, "update");
  const services = compare("network service", base.networkServices, to.networkServices, undefined, "update");
  const maps = compare("config map", base.configMaps, to.configMaps, undefined, "update");
  const configurations = compare("configuration", base.configurations, to.configurations, undefined, "update");
  const all = [...nodes, ...ports, ...services, ...maps, ...pods, ...links, ...configurations];
  const deletions = all.filter((step) => step.action === "delete");
  return [...deletions.toReversed(), ...all.filter((step) => step.action !== "delete")];
}

function compare<T extends { readonly name: string }>(
  kind: PlanKind,
  from: readonly T[],
  to: readonly T[],
  forced?: (item: T) => string | undefined,
  onChange: PlanAction = "replace",
): PlanStep[] {
  const old = new Map(from.map((item) => [item.name, item]));
  const steps: PlanStep[] = [];
  for (const item of to) {
    const before = old.get(item.name);
    old.delete(item.name);
    const reason = before && forced?.(item);
    if (!before) steps.push({ action: "create", kind, name: item.name });
    else if (!isDeepStrictEqual(before, item)) steps.push({ action: onChange, kind, name: item.name });
    else if (reason !== undefined) steps.push({ action: onChange, kind, name: item.name, reason });
  }
  return [...steps, ...[...old.keys()].map((name): PlanStep => ({ action: "delete", kind, name }))];
}

/** ConfigMaps that a Pod mounts. */
export function mountedConfigMaps(pod: PodSpec): string[] {
  return pod.volumes.flatMap((volume) => (volume.type === "configMap" ? [volume.configMap] : []));
}
