import { z } from "zod";
import { fields, text, textMap, unused } from "../schema.ts";
import { container } from "./container.ts";
import { labelName, metadata, objectName, templateMetadata } from "./metadata.ts";

/** The sources of volumes that a lab can play; every other one is an error that says so. */
export const volumeSources = ["configMap", "emptyDir", "hostPath", "csi"] as const;

const otherVolumeSources = [
  "awsElasticBlockStore",
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "downwardAPI",
  "ephemeral",
  "fc",
  "flexVolume",
  "gcePersistentDisk",
  "gitRepo",
  "glusterfs",
  "image",
  "iscsi",
  "nfs",
  "persistentVolumeClaim",
  "photonPersistentDisk",
  "portworxVolume",
  "projected",
  "quobyte",
  "rbd",
  "scaleIO",
  "secret",
  "storageos",
  "vsphereVolume",
] as const;

const volume = fields({
  name: labelName,
  configMap: fields({
    name: text,
    items: z.array(fields({ key: text, path: text, mode: z.unknown().optional() })).nullish(),
    optional: z.boolean().optional(),
    ...unused(["defaultMode"]),
  }).optional(),
  emptyDir: fields(unused(["medium", "sizeLimit"])).nullish(),
  hostPath: fields({
    path: z.string().regex(/^\//, { error: 'must start with "/"' }),
    type: z
      .enum(["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"])
      .nullish(),
  }).optional(),
  csi: fields({
    driver: text,
    ...unused(["readOnly", "fsType", "volumeAttributes", "nodePublishSecretRef"]),
  }).optional(),
  ...unused(otherVolumeSources),
}).superRefine((value, context) => {
  const other = otherVolumeSources.find((source) => value[source] !== undefined);
  if (other)
    context.addIssue({
      code: "custom",
      path: [other],
      message: `is a volume that a lab has not; it has ${volumeSources.join(", ")}`,
    });
  const given = volumeSources.filter((source) => source in value && value[source] !== undefined);
  if (!other && given.length !== 1)
    context.addIssue({ code: "custom", message: `needs exactly one of ${volumeSources.join(", ")}` });
});

export type Volume = z.output<typeof volume>;

/** Pod fields with an effect on a cluster that a lab does not reproduce: each use is told to the user. */
export const toldPodFields = [
  "activeDeadlineSeconds",
  "affinity",
  "dnsConfig",
  "ephemeralContainers",
  "hostAliases",
  "resourceClaims",
  "runtimeClassName",
  "topologySpreadConstraints",
] as const;

const quiet = [
  "automountServiceAccountToken",
  "dnsPolicy",
  "enableServiceLinks",
  "hostIPC",
  "hostPID",
  "hostUsers",
  "imagePullSecrets",
  "os",
  "overhead",
  "preemptionPolicy",
  "priority",
  "priorityClassName",
  "readinessGates",
  "resources",
  "schedulerName",
  "schedulingGates",
  "serviceAccount",
  "serviceAccountName",
  "setHostnameAsFQDN",
  "shareProcessNamespace",
  "subdomain",
  "tolerations",
] as const;

const podSecurity = fields({
  sysctls: z.array(fields({ name: text, value: text })).nullish(),
  ...unused([
    "appArmorProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxChangePolicy",
    "seLinuxOptions",
    "seccompProfile",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "windowsOptions",
  ]),
});

export const podSpec = fields({
  containers: z.array(container).min(1),
  initContainers: z.array(container).nullish(),
  volumes: z.array(volume).nullish(),
  hostNetwork: z.boolean().optional(),
  hostname: labelName.optional(),
  nodeName: objectName.optional(),
  nodeSelector: textMap.nullish(),
  restartPolicy: z.enum(["Always", "OnFailure", "Never"]).optional(),
  securityContext: podSecurity.nullish(),
  terminationGracePeriodSeconds: z.int().min(0).nullish(),
  ...unused(toldPodFields),
  ...unused(quiet),
});

export type PodSpecDocument = z.output<typeof podSpec>;

export const pod = fields({
  apiVersion: z.literal("v1"),
  kind: z.literal("Pod"),
  metadata,
  spec: podSpec,
  ...unused(["status"]),
});

export const podTemplate = fields({ metadata: templateMetadata.optional(), spec: podSpec });
