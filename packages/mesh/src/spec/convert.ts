import { CodedError } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import { type Nsm, nsmGroup, nsmVersion, type Problem } from "../crd/nsm.ts";
import { latestRelease } from "../versions/releases.ts";

export interface Converted {
  readonly document: UnknownObject;
  /** What the new form has no field for, and what changes on the way. */
  readonly notes: readonly Problem[];
}

/**
 * A document of 2020 in the form of 2023, for a current release. v0.2's data planes become vpp: upstream's kernel
 * forwarder has no successor.
 * @throws CodedError INVALID_ARGUMENT for a document that is of 2023 already
 */
export function convertNsm(nsm: Nsm): Converted {
  const { metadata } = nsm;
  if (nsm.form === "2023") {
    throw new CodedError("INVALID_ARGUMENT", `NSM ${metadata.namespace}/${metadata.name} has the current form already`);
  }
  const old = nsm.spec;
  const notes: Problem[] = [];
  const note = (field: string, message: string): void => void notes.push({ field, message: `${field}: ${message}` });
  const mirror = old.registry !== undefined && old.registry !== "docker.io";
  if (mirror) {
    note(
      "spec.registry",
      `${old.registry} stays the place of images; check that it holds ${latestRelease} of cmd-nsmgr and the others, and SPIRE's images`,
    );
  }
  if (old.tag !== undefined)
    note("spec.tag", `${old.tag} becomes version ${latestRelease}; the images of 2020 are not used any more`);
  if (old.forwardingPlaneName !== undefined && old.forwardingPlaneName !== "vpp") {
    note("spec.forwardingPlaneName", `${old.forwardingPlaneName} has no successor upstream and becomes vpp`);
  }
  if (old.forwardingPlaneImage !== undefined) {
    note("spec.forwardingPlaneImage", `${old.forwardingPlaneImage} is of 2020; the release's own image is used`);
  }
  if (old.webhookName !== undefined && old.webhookName !== "nsm-admission-webhook") {
    note("spec.webhookName", `${old.webhookName} becomes admission-webhook-k8s, which has a fixed name`);
  }
  if (old.insecure ?? !old.spire) {
    note("spec.insecure", "current releases always use TLS; SPIRE is installed for it (spire: managed)");
  }
  const namespace = old.namespace ?? metadata.namespace;
  note(
    "metadata.annotations",
    "Pods ask for network services by the annotation networkservicemesh.io now, not ns.networkservicemesh.io",
  );
  return {
    notes,
    document: {
      apiVersion: `${nsmGroup}/${nsmVersion}`,
      kind: "NSM",
      metadata: { name: metadata.name, namespace: metadata.namespace },
      spec: {
        version: latestRelease,
        ...(namespace !== metadata.namespace && { namespace }),
        ...(mirror && { imageRepository: `${old.registry}/${old.org ?? "networkservicemesh"}` }),
        ...(old.pullPolicy && { nsmPullPolicy: old.pullPolicy }),
        spire: "managed",
        registry: { type: "k8s", replicaCount: 1 },
        forwarders: [{ type: "vpp" }],
        webhook: { replicas: old.replicas ?? 1 },
        ...(old.jaegerTracing && { jaegerTracing: true }),
        ...(old.platform && { platform: old.platform }),
        ...(old.imagePullSecrets && { imagePullSecrets: old.imagePullSecrets }),
      },
    },
  };
}
