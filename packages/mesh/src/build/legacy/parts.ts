import { networkServiceDefinitions } from "../../crd/network-service.ts";
import type { LegacyMeshSpec } from "../../spec/mesh-spec.ts";
import { namespace } from "../namespace.ts";
import { refOf } from "../object.ts";
import type { BuildOptions, Mesh } from "../phase.ts";
import { applied, established, phase, ready } from "../phases.ts";
import { certificateOf } from "../serving-certificate.ts";
import { spireNamespace } from "../spire/names.ts";
import { legacyTracing } from "../tracing.ts";
import { webhookConfiguration } from "../webhook-configuration.ts";
import { legacyAccounts } from "./accounts.ts";
import { legacyForwarder } from "./forwarder.ts";
import { legacyManagers } from "./nsmgr.ts";
import { legacyRbac } from "./rbac.ts";
import { legacySpireAgent, legacySpireServer } from "./spire.ts";
import { legacyCertificate, legacyWebhook, legacyWebhookService } from "./webhook.ts";

/** A mesh of v0.2's programs. */
export function legacyParts(mesh: LegacyMeshSpec, options: BuildOptions): Mesh {
  const request = legacyCertificate(mesh);
  const certificate = certificateOf(request, options);
  const webhook = legacyWebhook(mesh, certificate);
  const configuration = webhookConfiguration(mesh, {
    name: `${mesh.webhookName}-cfg`,
    component: "admission-webhook",
    service: legacyWebhookService(mesh),
    annotation: "ns.networkservicemesh.io",
    webhook: "admission-webhook.networkservicemesh.io",
    failurePolicy: "Ignore",
    workloads: ["deployments"],
    ...(certificate && { certificate }),
  });
  const namespaces = [
    ...namespace(mesh, mesh.namespace, "namespace"),
    ...(mesh.spire && mesh.namespace !== spireNamespace ? namespace(mesh, spireNamespace, "spire") : []),
  ];
  const backend = webhook.filter(({ kind }) => kind === "Deployment").map(refOf);
  const phases = [
    phase("namespaces", applied, namespaces),
    phase("crds", established, networkServiceDefinitions(mesh)),
    phase("rbac", applied, legacyRbac(mesh)),
    ...(mesh.spire
      ? [phase("spire-server", ready, legacySpireServer(mesh)), phase("spire-agent", ready, legacySpireAgent(mesh))]
      : []),
    ...(mesh.tracing ? [phase("tracing", ready, legacyTracing(mesh, legacyAccounts.tracing))] : []),
    phase("managers", ready, [legacyManagers(mesh)]),
    phase("forwarders", ready, [legacyForwarder(mesh)]),
    phase("webhook", ready, webhook),
    phase("webhook-configuration", applied, [configuration], backend),
  ];
  return { phases: phases.filter(({ objects }) => objects.length > 0), certificates: [request] };
}
