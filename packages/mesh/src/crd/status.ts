import type { Schema } from "./schema.ts";

const text = (description: string): Schema => ({ type: "string", description });
const number = (description: string): Schema => ({ type: "integer", format: "int32", description });
const time = (description: string): Schema => ({ type: "string", format: "date-time", description });

/** What the operator reports. Open at its end: a newer operator's fields must survive an older CRD. */
export const statusSchema: Schema = {
  type: "object",
  description: "What the operator found and did",
  "x-kubernetes-preserve-unknown-fields": true,
  properties: {
    observedGeneration: {
      type: "integer",
      format: "int64",
      description: "Generation of the spec that this status is about",
    },
    phase: text("Pending, Creating, Running, Upgrading, Degraded, Terminating or Invalid"),
    currentVersion: text("Release that runs"),
    targetVersion: text("Release that is being installed"),
    platform: {
      type: "object",
      description: "What the mesh is built for, as found or set",
      "x-kubernetes-preserve-unknown-fields": true,
      properties: {
        kind: text("Distribution"),
        kubeletRoot: text("The kubelet's folder on the nodes"),
        ipFamily: text("Family of the Pods' addresses"),
        excludedPrefixes: {
          type: "array",
          description: "IP prefixes that endpoints must not hand out",
          items: { type: "string" },
        },
        sources: {
          type: "object",
          description: "Where each of these comes from",
          additionalProperties: { type: "string" },
        },
      },
    },
    identityRelease: text("Release whose SPIRE was installed last; no older one follows it"),
    registry: text("Ready and wanted registries, as 1/1"),
    managers: text("Ready and wanted managers, as 3/3"),
    forwarders: text("Ready and wanted forwarders, as 3/3"),
    conditions: {
      type: "array",
      description: "Ready and its parts, by Kubernetes' conventions",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: {
        type: "object",
        required: ["type", "status", "lastTransitionTime", "reason", "message"],
        properties: {
          type: { type: "string", maxLength: 316 },
          status: { type: "string", enum: ["True", "False", "Unknown"] },
          observedGeneration: { type: "integer", format: "int64", minimum: 0 },
          lastTransitionTime: { type: "string", format: "date-time" },
          reason: {
            type: "string",
            minLength: 1,
            maxLength: 1024,
            pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
          },
          message: { type: "string", maxLength: 32768 },
        },
      },
    },
    components: {
      type: "array",
      description: "Workloads of the mesh",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: {
        type: "object",
        required: ["name"],
        "x-kubernetes-preserve-unknown-fields": true,
        properties: {
          name: text("Name of the workload"),
          kind: text("Its kind"),
          ready: number("Ready Pods"),
          desired: number("Wanted Pods"),
          version: text("Release that its Pods run"),
          message: text("What it waits for"),
        },
      },
    },
    plan: {
      type: "array",
      description: "Steps of the change under way",
      items: {
        type: "object",
        "x-kubernetes-preserve-unknown-fields": true,
        properties: {
          step: text("What is done"),
          state: text("Waiting, Running or Done"),
          phase: text("Part of the mesh that it is about"),
        },
      },
    },
    history: {
      type: "array",
      description: "Releases that ran, the newest first",
      items: {
        type: "object",
        "x-kubernetes-preserve-unknown-fields": true,
        properties: {
          version: text("Release"),
          startedAt: time("Begin of its installation"),
          finishedAt: time("End of its installation"),
          result: text("Completed, RolledBack or Failed"),
          message: text("What happened"),
        },
      },
    },
  },
};
