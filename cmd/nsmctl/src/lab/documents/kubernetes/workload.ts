import { z } from "zod";
import { fields, unused } from "../schema.ts";
import { metadata } from "./metadata.ts";
import { podTemplate } from "./pod.ts";

const common = {
  apiVersion: z.literal("apps/v1"),
  metadata,
  ...unused(["status"]),
};

const replicated = {
  replicas: z.int().min(0).max(1000).nullish(),
  selector: z.record(z.string(), z.unknown()),
  template: podTemplate,
};

export const deployment = fields({
  ...common,
  kind: z.literal("Deployment"),
  spec: fields({
    ...replicated,
    ...unused(["minReadySeconds", "paused", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy"]),
  }),
});

export const replicaSet = fields({
  ...common,
  kind: z.literal("ReplicaSet"),
  spec: fields({ ...replicated, ...unused(["minReadySeconds"]) }),
});

export const statefulSet = fields({
  ...common,
  kind: z.literal("StatefulSet"),
  spec: fields({
    ...replicated,
    volumeClaimTemplates: z
      .array(z.unknown())
      .max(0, { error: "are not possible in a lab; use an emptyDir" })
      .nullish(),
    ...unused([
      "minReadySeconds",
      "ordinals",
      "persistentVolumeClaimRetentionPolicy",
      "podManagementPolicy",
      "revisionHistoryLimit",
      "serviceName",
      "updateStrategy",
    ]),
  }),
});

export const daemonSet = fields({
  ...common,
  kind: z.literal("DaemonSet"),
  spec: fields({
    selector: replicated.selector,
    template: podTemplate,
    ...unused(["minReadySeconds", "revisionHistoryLimit", "updateStrategy"]),
  }),
});

export type Workload =
  | z.output<typeof deployment>
  | z.output<typeof replicaSet>
  | z.output<typeof statefulSet>
  | z.output<typeof daemonSet>;
