import { networkServiceDefinitions } from "../../crd/network-service.ts";
import type { ModernMeshSpec } from "../../spec/mesh-spec.ts";
import { namespace } from "../namespace.ts";
import { refOf } from "../object.ts";
import type { BuildOptions, Mesh, Phase } from "../phase.ts";
import { applied, established, phase, ready } from "../phases.ts";
import { certificateOf } from "../serving-certificate.ts";
import { spireAgent } from "../spire/agent.ts";
import { spiffeCsi } from "../spire/csi.ts";
import { spireDefinitions } from "../spire/definitions.ts";
import { spireIdentities } from "../spire/identities.ts";
import { spireNamespace } from "../spire/names.ts";
import { spireServer } from "../spire/server.ts";
import { modernTracing } from "../tracing.ts";
import { webhookConfiguration } from "../webhook-configuration.ts";
import { accounts, webhookConfigurationName } from "./accounts.ts";
import { modernContext } from "./common.ts";
import { nsmCsi } from "./csi.ts";
import { forwarder } from "./forwarder.ts";
import { managers } from "./nsmgr.ts";
import { modernRbac } from "./rbac.ts";
import { registry } from "./registry.ts";
import { webhook, webhookAnnotation, webhookCertificate, webhookService } from "./webhook.ts";

/** A mesh of upstream's or of our programs. */
export function modernParts(mesh: ModernMeshSpec, options: BuildOptions): Mesh {
  const context = modernContext(mesh, options);
  const managed = mesh.spire.mode === "managed";
  const request = webhookCertificate(context);
  const certificate = certificateOf(request, options);
  const webhookObjects = mesh.webhook ? webhook(context, mesh.webhook, certificate) : [];
  const backend = webhookObjects.filter(({ kind }) => kind === "Deployment").map(refOf);
  const configuration = mesh.webhook
    ? [
        webhookConfiguration(mesh, {
          name: webhookConfigurationName,
          component: "admission-webhook",
          service: webhookService,
          annotation: webhookAnnotation,
          webhook: `${webhookConfigurationName}.${webhookAnnotation}`,
          failurePolicy: mesh.webhook.failurePolicy,
          workloads: ["deployments", "statefulsets", "daemonsets", "replicasets"],
          // Upstream's changes nothing that exists.
          sendsUpdates: mesh.provider === "nsmkit",
          ...(certificate && { certificate }),
          selfRegistered: context.features?.webhookMode === "selfregister",
        }),
      ]
    : [];
  const phases: (Phase | undefined)[] = [
    phase("namespaces", applied, [
      ...namespace(mesh, mesh.namespace, "namespace"),
      ...(managed && mesh.namespace !== spireNamespace ? namespace(mesh, spireNamespace, "spire") : []),
    ]),
    phase("crds", established, [...networkServiceDefinitions(mesh), ...(managed ? spireDefinitions(mesh) : [])]),
    phase("rbac", applied, modernRbac(context)),
    managed ? phase("spire-server", ready, spireServer(context)) : undefined,
    managed
      ? phase("spire-agent", ready, [...spireAgent(context), ...(mesh.csiDrivers ? spiffeCsi(context) : [])])
      : undefined,
    managed ? phase("spire-identities", applied, spireIdentities(mesh)) : undefined,
    mesh.tracing ? phase("tracing", ready, modernTracing(mesh, accounts.tracing)) : undefined,
    phase("registry", ready, registry(context)),
    phase("managers", ready, managers(context)),
    mesh.csiDrivers ? phase("csi", ready, nsmCsi(context)) : undefined,
    phase(
      "forwarders",
      ready,
      mesh.forwarders.map((spec) => forwarder(context, spec)),
    ),
    phase("webhook", ready, webhookObjects),
    phase("webhook-configuration", applied, configuration, context.features?.webhookKeepsConfiguration ? [] : backend),
  ];
  return {
    phases: phases.filter((made) => made !== undefined && made.objects.length > 0) as Phase[],
    certificates: request ? [request] : [],
  };
}
