import { CodedError } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import type { Migration } from "@nsmkit/mesh";
import type { MeshPhase, MeshPort, WantedMesh } from "../mesh/port.ts";
import type { Nsm } from "../status/status.ts";

/** What a small mesh can be told. */
export interface SmallSpec {
  readonly version?: string;
  readonly logLevel?: string;
  readonly forwarders?: readonly string[];
  /** Part of the managers' selector, which cannot be changed in place. */
  readonly selector?: string;
  readonly wrong?: string;
}

const releases = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"];
const migrations: Readonly<Record<string, readonly Migration[]>> = {
  "v1.1.0": [{ kind: "relax-registry-policies", component: "registry" }],
  "v1.2.0": [
    { kind: "delete-webhook-configurations", namePrefix: "self-registered-" },
    { kind: "release-node-ports", service: "registry" },
  ],
};
const namespace = "nsm-system";

/** A mesh of a few objects of every stage: what the reconciler does with real ones, in little. */
export const smallMesh: MeshPort = {
  definitions: [definition("nsms.nsm.networkservicemesh.io")],
  read(nsm): WantedMesh {
    const spec = (nsm.spec ?? {}) as SmallSpec;
    if (spec.wrong !== undefined) throw new CodedError("INVALID_CONFIG", `spec.wrong: ${spec.wrong}; leave it out`);
    return {
      version: spec.version ?? "v1.0.0",
      provider: "upstream",
      warnings: [],
      stepwise: true,
      imageAdvice: "try another",
      certificates: [
        { secret: { namespace, name: "webhook-certs" }, commonName: "webhook", dnsNames: ["webhook.nsm-system.svc"] },
      ],
      storesEndpoints: true,
      build: (version, certificates, { relaxRegistryPolicies = false } = {}) =>
        build(spec, version, relaxRegistryPolicies, certificates.get(`${namespace}/webhook-certs`)),
    };
  },
  plan(from, to) {
    const [start, end] = [releases.indexOf(from), releases.indexOf(to)];
    if (end < 0) throw new CodedError("UNSUPPORTED", `${to} is not a release that this operator knows; write v1.3.0`);
    if (end < start) throw new CodedError("UNSUPPORTED", `${from} runs and ${to} is older`);
    return releases
      .slice(start + 1, end + 1)
      .map((release) => ({ to: release, migrations: migrations[release] ?? [] }));
  },
};

export const smallNsm = (spec: SmallSpec = {}, name = "mesh"): Nsm => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata: { namespace, name },
  spec,
});

function build(
  { forwarders = ["forwarder"], logLevel = "INFO", selector = "nsmgr" }: SmallSpec,
  version: string,
  relaxed: boolean,
  certificate: { readonly ca: string; readonly certificate: string; readonly key: string } | undefined,
): readonly MeshPhase[] {
  const apps = "apps/v1";
  const rbac = "rbac.authorization.k8s.io/v1";
  const workload = (kind: string, name: string, app = name): UnknownObject => ({
    apiVersion: apps,
    kind,
    metadata: { namespace, name },
    spec: {
      ...(kind === "Deployment" ? { replicas: 1 } : {}),
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        spec: {
          containers: [
            {
              name,
              image: `example.org/${name}:${version}`,
              env: [
                { name: "LEVEL", value: logLevel },
                ...(relaxed && name === "registry" ? [{ name: "POLICIES", value: "" }] : []),
              ],
            },
          ],
        },
      },
    },
  });
  const plain = (apiVersion: string, kind: string, name: string, more: object, inNamespace = true): UnknownObject => ({
    ...{ apiVersion, kind, metadata: inNamespace ? { namespace, name } : { name } },
    ...more,
  });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const secret = certificate && {
    type: "kubernetes.io/tls",
    data: {
      "ca.crt": base64(certificate.ca),
      "tls.crt": base64(certificate.certificate),
      "tls.key": base64(certificate.key),
    },
  };
  const webhook = {
    webhooks: [
      {
        name: "webhook.networkservicemesh.io",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        clientConfig: {
          service: { namespace, name: "webhook" },
          ...(certificate ? { caBundle: base64(certificate.ca) } : {}),
        },
      },
    ],
  };
  const webhookRef = { apiVersion: apps, kind: "Deployment", namespace, name: "webhook" };
  return [
    { name: "crds", objects: [definition("networkservices.networkservicemesh.io")] },
    {
      name: "rbac",
      objects: [
        plain("v1", "ServiceAccount", "nsmgr", {}),
        plain(
          rbac,
          "ClusterRole",
          "nsmgr",
          { rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get"] }] },
          false,
        ),
      ],
    },
    {
      name: "registry",
      objects: [
        workload("Deployment", "registry"),
        plain("v1", "Service", "registry", {
          spec: { type: version < "v1.2.0" ? "LoadBalancer" : "ClusterIP", ports: [{ name: "registry", port: 5002 }] },
        }),
      ],
    },
    { name: "managers", objects: [workload("DaemonSet", "nsmgr", selector)] },
    { name: "forwarders", objects: forwarders.map((name) => workload("DaemonSet", name)) },
    {
      name: "webhook",
      objects: [
        ...(secret ? [plain("v1", "Secret", "webhook-certs", secret)] : []),
        workload("Deployment", "webhook"),
        plain("v1", "Service", "webhook", { spec: { ports: [{ port: 443 }] } }),
      ],
    },
    {
      name: "webhook-configuration",
      objects: [plain("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "webhook", webhook, false)],
      needs: [webhookRef],
    },
  ];
}

function definition(name: string): UnknownObject {
  const [plural = "", ...group] = name.split(".");
  const kind = plural === "nsms" ? "NSM" : "NetworkService";
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group: group.join("."),
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: "Namespaced",
      versions: [
        {
          name: plural === "nsms" ? "v1alpha1" : "v1",
          served: true,
          storage: true,
          ...(plural === "nsms" ? { subresources: { status: {} } } : {}),
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
}
