import { create } from "@bufbuild/protobuf";
import { NetworkServiceLabelsSchema } from "@nsmkit/api/registry";
import type { NseElement } from "../../core/kinds.ts";

/** Where this program runs, from NODE_NAME, POD_NAME and CLUSTER_NAME. */
export interface Place {
  readonly nodeName?: string | undefined;
  readonly podName?: string | undefined;
  readonly clusterName?: string | undefined;
}

/** Adds nodeName, podName and clusterName to an endpoint's labels of each of its services, unless it has them. */
export function clientInfoServer(place: Place): NseElement {
  const info = Object.entries(place).filter((pair): pair is [string, string] => !!pair[1]);
  return {
    name: "clientinfo",
    role: "server",
    async request(ctx, entry, next) {
      for (const service of new Set([...entry.networkServiceNames, ...Object.keys(entry.networkServiceLabels)]))
        addMissing(labelsOf(entry.networkServiceLabels, service), info);
      return next.request(ctx, entry);
    },
  };
}

type LabelsByService = Parameters<NonNullable<NseElement["request"]>>[1]["networkServiceLabels"];

function labelsOf(byService: LabelsByService, service: string): Record<string, string> {
  const known = Object.hasOwn(byService, service) ? byService[service] : undefined;
  const labels = known ?? create(NetworkServiceLabelsSchema);
  if (!known) byService[service] = labels;
  return labels.labels;
}

function addMissing(labels: Record<string, string>, info: readonly (readonly [string, string])[]): void {
  for (const [name, value] of info) if (!Object.hasOwn(labels, name)) labels[name] = value;
}
