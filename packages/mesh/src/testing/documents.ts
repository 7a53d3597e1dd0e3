/** Documents of testdata/, for tests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { buildMesh } from "../build/build.ts";
import type { Certificate, Mesh, MeshObject } from "../build/phase.ts";
import { parseNsm } from "../crd/parse.ts";
import type { ClusterFacts, MeshSpec } from "../spec/mesh-spec.ts";
import { normalise } from "../spec/normalise.ts";

export const testdataFolder = join(import.meta.dirname, "../../testdata");
export const readText = (file: string): string => readFileSync(join(testdataFolder, file), "utf8");
export const readYaml = (file: string): unknown => parse(readText(file));

export const nsmOf = (spec: unknown, metadata: unknown = { name: "nsm", namespace: "default" }): unknown => ({
  apiVersion: "nsm.networkservicemesh.io/v1alpha1",
  kind: "NSM",
  metadata,
  spec,
});

export function specOf(document: unknown, facts: ClusterFacts = {}): MeshSpec {
  const normalised = normalise(parseNsm(document), facts);
  if (!normalised.ok) throw new Error(normalised.problems.map(({ message }) => message).join("; "));
  return normalised.spec;
}

export const certificate: Certificate = {
  ca: "-----BEGIN CERTIFICATE-----\nCA==\n-----END CERTIFICATE-----\n",
  certificate: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
  key: "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
};

/** The mesh with every certificate that it asks for. */
export function meshOf(document: unknown, facts: ClusterFacts = {}): Mesh {
  const spec = specOf(document, facts);
  const wanted = buildMesh(spec).certificates.map(({ secret }) => `${secret.namespace}/${secret.name}`);
  return buildMesh(spec, { certificates: new Map(wanted.map((name) => [name, certificate])) });
}

export const objectsOf = (mesh: Mesh): MeshObject[] => mesh.phases.flatMap(({ objects }) => objects);

/** Smallest documents of each kind, as a base for others. */
export const upstream = (more: object = {}, version = "v1.18.0"): unknown =>
  nsmOf({ version, registry: { type: "k8s" }, forwarders: [{ type: "vpp" }], webhook: {}, ...more });
export const own = (more: object = {}): unknown =>
  nsmOf({ provider: "nsmkit", registry: { type: "k8s" }, forwarders: [{ type: "kernel" }], webhook: {}, ...more });
export const legacy = (more: object = {}): unknown => nsmOf({ registry: "docker.io", tag: "v0.2.0", ...more });

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly ports?: readonly { readonly containerPort: number; readonly name?: string; readonly hostPort?: number }[];
  readonly [field: string]: unknown;
}

export interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly hostPID?: boolean;
        readonly hostNetwork?: boolean;
        readonly containers: readonly Container[];
        readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

const workloadKinds: ReadonlySet<string> = new Set(["Deployment", "DaemonSet", "StatefulSet"]);
export const workloadsOf = (mesh: Mesh): Workload[] =>
  objectsOf(mesh).filter(({ kind }) => workloadKinds.has(kind)) as unknown as Workload[];

export function workload(mesh: Mesh, name: string): Workload {
  const found = workloadsOf(mesh).find(({ metadata }) => metadata.name === name);
  if (!found) throw new Error(`no workload ${name}`);
  return found;
}

export function container(mesh: Mesh, name: string, index = 0): Container {
  const found = workload(mesh, name).spec.template.spec.containers[index];
  if (!found) throw new Error(`no container ${index} in ${name}`);
  return found;
}

export const env = ({ env: list = [] }: Container): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(list.map(({ name, value }) => [name, value]));

export function object(mesh: Mesh, kind: string, name: string): MeshObject {
  const found = objectsOf(mesh).find((one) => one.kind === kind && one.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  return found;
}
