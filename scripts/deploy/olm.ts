/** The bundle of Operator Lifecycle Manager (registry+v1), made of the plain manifests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { latestRelease, nsmDefinition, nsmGroup, nsmVersion } from "@nsmkit/mesh";
import { parse } from "yaml";
import { completeMeshes, imagesOf, nsmOf } from "./images.ts";
import { findManifest, type Manifest, readManifests, toYaml } from "./manifests.ts";
import { description } from "./olm-text.ts";

export const bundleFolder = "deploy/olm";
const name = "nsm-operator";
const repository = "https://github.com/nsmkit/nsmkit";
const note = "# Made by scripts/deploy.ts\n";

interface PodSpec {
  readonly containers: readonly {
    readonly image: string;
    readonly env: readonly { readonly name: string }[];
  }[];
}
interface Deployment {
  readonly template: { readonly spec: PodSpec; readonly metadata: unknown };
}

/** Text of each file, by its path from the root. */
export function olmFiles(root: string): ReadonlyMap<string, string> {
  const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
  const operator = readManifests(root, "operator.yaml");
  const own = (manifest: Manifest): Manifest => {
    const { namespace: _, ...metadata } = manifest.metadata;
    return { ...manifest, metadata };
  };
  const manifests: readonly [string, unknown][] = [
    [`${name}.clusterserviceversion.yaml`, serviceVersion(root, version, operator)],
    [`nsms.${nsmGroup}.crd.yaml`, nsmDefinition()],
    [`${name}-metrics_v1_service.yaml`, own(findManifest(operator, "Service", `${name}-metrics`))],
    ...["viewer", "editor"].map((who): [string, unknown] => [
      `${name}-nsm-${who}_rbac.authorization.k8s.io_v1_clusterrole.yaml`,
      findManifest(operator, "ClusterRole", `${name}-nsm-${who}`),
    ]),
  ];
  return new Map([
    ...manifests.map(([file, object]): [string, string] => [
      `${bundleFolder}/manifests/${file}`,
      note + toYaml(object),
    ]),
    [`${bundleFolder}/metadata/annotations.yaml`, note + toYaml({ annotations })],
    [`${bundleFolder}/bundle.Dockerfile`, bundleDockerfile()],
  ]);
}

const annotations = {
  "operators.operatorframework.io.bundle.mediatype.v1": "registry+v1",
  "operators.operatorframework.io.bundle.manifests.v1": "manifests/",
  "operators.operatorframework.io.bundle.metadata.v1": "metadata/",
  "operators.operatorframework.io.bundle.package.v1": name,
  "operators.operatorframework.io.bundle.channels.v1": "alpha",
  "operators.operatorframework.io.bundle.channel.default.v1": "alpha",
  "operators.operatorframework.io.test.mediatype.v1": "scorecard+v1",
  "operators.operatorframework.io.test.config.v1": "tests/scorecard/",
} as const;

const bundleDockerfile = (): string =>
  [
    "# Made by scripts/deploy.ts: docker build -f deploy/olm/bundle.Dockerfile deploy/olm",
    "FROM scratch",
    ...Object.entries(annotations).map(([key, value]) => `LABEL ${key}="${value}"`),
    "COPY manifests /manifests/",
    "COPY metadata /metadata/",
    "COPY tests/scorecard /tests/scorecard/",
    "",
  ].join("\n");

/** What users may start from; each is a document that parseNsm takes. */
export const examples = (root: string): readonly unknown[] => [
  nsmOf({
    version: latestRelease,
    spire: "external",
    registry: { type: "k8s" },
    forwarders: [{ type: "vpp" }],
    webhook: {},
  }),
  nsmOf({ provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }], webhook: {} }, "nsm-own"),
  parse(readFileSync(join(root, "packages/mesh/testdata/nsm-2020.yaml"), "utf8")) as unknown,
];

function serviceVersion(root: string, version: string, operator: readonly Manifest[]): unknown {
  const deployment = findManifest(operator, "Deployment", name);
  const pods = deployment.spec as Deployment;
  const image = pods.template.spec.containers[0]?.image ?? "";
  const namespace = findManifest(operator, "Namespace", "nsm-system");
  return {
    apiVersion: "operators.coreos.com/v1alpha1",
    kind: "ClusterServiceVersion",
    metadata: {
      name: `${name}.v${version}`,
      namespace: "placeholder",
      labels: { "operatorframework.io/arch.amd64": "supported", "operatorframework.io/arch.arm64": "supported" },
      annotations: {
        "alm-examples": JSON.stringify(examples(root), undefined, 2),
        capabilities: "Seamless Upgrades",
        categories: "Networking",
        certified: "false",
        containerImage: image,
        createdAt: "2026-11-21T00:00:00Z",
        description: "Installs, configures, repairs and upgrades Network Service Mesh",
        "features.operators.openshift.io/disconnected": "true",
        "olm.skipRange": `<${version}`,
        "operatorframework.io/suggested-namespace": namespace.metadata.name,
        "operatorframework.io/suggested-namespace-template": JSON.stringify(namespace),
        repository,
        support: "nsmkit",
      },
    },
    spec: {
      displayName: "Network Service Mesh",
      description,
      version,
      minKubeVersion: "1.25.0",
      maturity: "alpha",
      provider: { name: "nsmkit", url: repository },
      maintainers: [{ name: "nsmkit", email: "nsmkit@users.noreply.github.com" }],
      links: [
        { name: "Source", url: repository },
        { name: "Network Service Mesh", url: "https://networkservicemesh.io" },
      ],
      keywords: ["network-service-mesh", "nsm", "networking", "cnf", "nfv"],
      icon: [
        { base64data: readFileSync(join(root, "deploy/icon.svg")).toString("base64"), mediatype: "image/svg+xml" },
      ],
      installModes: ["OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"].map((type) => ({
        type,
        supported: true,
      })),
      customresourcedefinitions: { owned: [ownedDefinition()] },
      install: {
        strategy: "deployment",
        spec: {
          permissions: [{ serviceAccountName: name, rules: findManifest(operator, "Role", name).rules }],
          clusterPermissions: [{ serviceAccountName: name, rules: findManifest(operator, "ClusterRole", name).rules }],
          deployments: [{ name, label: deployment.metadata.labels, spec: targeted(pods) }],
        },
      },
      relatedImages: relatedImages(image),
    },
  };
}

/** The namespaces are those of the OperatorGroup, which OLM writes on the Pod. */
function targeted(pods: Deployment): unknown {
  const { spec } = pods.template;
  const containers = spec.containers.map((container) => ({
    ...container,
    env: container.env.map((variable) =>
      variable.name === "WATCH_NAMESPACE"
        ? {
            name: variable.name,
            valueFrom: { fieldRef: { fieldPath: "metadata.annotations['olm.targetNamespaces']" } },
          }
        : variable,
    ),
  }));
  return { ...pods, template: { ...pods.template, spec: { ...spec, containers } } };
}

function relatedImages(operator: string): readonly { readonly name: string; readonly image: string }[] {
  const images = new Set(completeMeshes.flatMap((spec) => imagesOf(nsmOf(spec))));
  images.delete(operator);
  const others = [...images].sort().map((image) => ({ name: nameOf(image), image }));
  return [{ name, image: operator }, ...others];
}

/** "cmd-nsmgr" of ghcr.io/networkservicemesh/cmd-nsmgr:v1.18.0. */
const nameOf = (image: string): string => (image.split("/").at(-1) ?? image).split(/[:@]/)[0] ?? image;

interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

function ownedDefinition(): unknown {
  const { spec } = nsmDefinition() as unknown as {
    spec: { versions: readonly { schema: { openAPIV3Schema: Schema } }[] };
  };
  const properties = spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
  const descriptors = (schema: Schema | undefined, kinds: Readonly<Record<string, string>>) =>
    Object.entries(schema?.properties ?? {}).map(([path, { description: text = path, type }]) => {
      const kind = kinds[path] ?? (type === "string" ? "urn:alm:descriptor:text" : undefined);
      return {
        path,
        displayName: displayName(path),
        description: text,
        ...(kind === undefined ? {} : { "x-descriptors": [kind] }),
      };
    });
  return {
    name: `nsms.${nsmGroup}`,
    kind: "NSM",
    version: nsmVersion,
    displayName: "Network service mesh",
    description: "A network service mesh in this cluster. One cluster has one mesh.",
    resources: [
      { kind: "DaemonSet", name: "", version: "v1" },
      { kind: "Deployment", name: "", version: "v1" },
      { kind: "Service", name: "", version: "v1" },
      { kind: "ConfigMap", name: "", version: "v1" },
    ],
    specDescriptors: descriptors(properties.spec, {
      nsmPullPolicy: "urn:alm:descriptor:com.tectonic.ui:imagePullPolicy",
      pullPolicy: "urn:alm:descriptor:com.tectonic.ui:imagePullPolicy",
      replicas: "urn:alm:descriptor:com.tectonic.ui:podCount",
    }),
    statusDescriptors: descriptors(properties.status, { conditions: "urn:alm:descriptor:io.kubernetes.conditions" }),
  };
}

/** "spireAgentSocket" as "Spire agent socket". */
function displayName(path: string): string {
  const words = path.replaceAll(/([A-Z])/g, " $1").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
