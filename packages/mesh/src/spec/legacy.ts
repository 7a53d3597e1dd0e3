import { meshLabelValue } from "../build/labels.ts";
import type { Nsm, Problem } from "../crd/nsm.ts";
import { legacyRelease } from "../versions/releases.ts";
import type { ClusterFacts, LegacyMeshSpec } from "./mesh-spec.ts";
import { platformSpec } from "./platform.ts";

type Nsm2020 = Extract<Nsm, { form: "2020" }>;

const planeImages: Readonly<Record<string, string>> = { vpp: "vppagent-forwarder", kernel: "kernel-forwarder" };

const dockerHub = "docker.io";

/** A document of 2020 as a mesh of v0.2. */
export function legacyMesh(
  { metadata, spec }: Nsm2020,
  facts: ClusterFacts,
  problems: Problem[],
  warnings: Problem[],
): LegacyMeshSpec | undefined {
  const spire = spec.spire ?? false;
  const insecure = spec.insecure ?? !spire;
  const plane = spec.forwardingPlaneName ?? "vpp";
  const planeImage = spec.forwardingPlaneImage ?? planeImages[plane];
  if (!insecure && !spire) {
    problems.push({
      field: "spec.insecure",
      message: `spec.insecure: false needs identities, which spec.spire: "false" does not give; write spire: "true" or insecure: "true"`,
    });
  }
  if (planeImage === undefined) {
    problems.push({
      field: "spec.forwardingPlaneImage",
      message: `spec.forwardingPlaneImage: missing; of data plane ${plane} no image is known, write its name`,
    });
    return undefined;
  }
  const imageRepository = `${spec.registry ?? dockerHub}/${spec.org ?? "networkservicemesh"}`;
  warnings.push({
    field: "spec",
    message: `spec: this is the form of 2020 and installs NSM ${legacyRelease}, whose images are of that year; nsmctl convert writes the document for current releases`,
  });
  return {
    provider: "legacy",
    name: metadata.name,
    owner: { namespace: metadata.namespace, ...(metadata.uid !== undefined && { uid: metadata.uid }) },
    namespace: spec.namespace ?? metadata.namespace,
    label: meshLabelValue(metadata.namespace, metadata.name),
    version: spec.tag ?? spec.version ?? legacyRelease,
    pullPolicy: spec.pullPolicy ?? "IfNotPresent",
    platform: platformSpec(spec.platform, facts, problems),
    imagePullSecrets: spec.imagePullSecrets ?? [],
    imageRepository,
    ...((spec.registry ?? dockerHub) !== dockerHub && { mirror: imageRepository }),
    webhookName: spec.webhookName ?? "nsm-admission-webhook",
    webhookReplicas: spec.replicas ?? 1,
    insecure,
    forwardingPlane: { name: plane, image: planeImage },
    spire,
    tracing: spec.jaegerTracing ?? false,
  };
}
