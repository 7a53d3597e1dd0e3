import type { z } from "zod";
import { type Container, toldContainerFields } from "../documents/kubernetes/container.ts";
import { type PodSpecDocument, type podSpec, toldPodFields } from "../documents/kubernetes/pod.ts";
import type { Documents, Located } from "../documents/load.ts";
import type { Problems } from "../documents/problems.ts";
import type { Path, SourceDocument } from "../documents/yaml.ts";
import { buildContainer } from "./container.ts";
import { complain, type Place, type PodFacts } from "./environment.ts";
import { toolsOf } from "./image.ts";
import { placeOn } from "./placement.ts";
import { podAddresses } from "./services.ts";
import {
  type ContainerSpec,
  type MountSpec,
  meshSocketDirectory,
  meshSocketUrl,
  type NodeSpec,
  type PodSpec,
  type VolumeSpec,
} from "./spec.ts";
import { buildMounts, buildVolumes, meshVolume } from "./volumes.ts";

/** A Pod to be, from a Pod document or from a workload's template. */
interface Template {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: z.output<typeof podSpec>;
  readonly workload?: string;
  /** Of a DaemonSet. */
  readonly node?: string;
  readonly object: string;
  readonly source: SourceDocument;
  readonly path: Path;
}

export interface PodContext {
  readonly documents: Documents;
  readonly nodes: readonly NodeSpec[];
  readonly placement: Readonly<Record<string, string>>;
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** The cluster network, where the lab has one. */
  readonly clusterSubnet?: string;
  readonly problems: Problems;
  /** Things that work otherwise than on a cluster, for the user to know. */
  readonly notes: string[];
}

export const meshAnnotation = "networkservicemesh.io";

export function buildPods(context: PodContext): PodSpec[] {
  const seen = new Map<string, string>();
  const all = templates(context);
  const addresses =
    context.clusterSubnet === undefined
      ? new Map<string, string>()
      : podAddresses(
          context.clusterSubnet,
          all.map(({ name }) => name),
        );
  return all.map((template) => {
    const twin = seen.get(template.name);
    if (twin)
      context.problems.add(
        template.source.at([]),
        `${template.object} makes a second Pod ${template.name} beside ${twin}; rename one`,
      );
    seen.set(template.name, template.object);
    return buildPod(template, addresses.get(template.name), context);
  });
}

function templates({ documents, nodes }: PodContext): Template[] {
  const pods = documents.pods.map(
    ({ value, source, object }): Template => ({
      name: value.metadata.name,
      namespace: value.metadata.namespace ?? "default",
      labels: value.metadata.labels,
      annotations: value.metadata.annotations,
      spec: value.spec,
      object,
      source,
      path: ["spec"],
    }),
  );
  return [...pods, ...documents.workloads.flatMap((workload) => workloadTemplates(workload, nodes))];
}

function workloadTemplates(
  { value, source, object }: Documents["workloads"][number],
  nodes: readonly NodeSpec[],
): Template[] {
  const { metadata, spec } = value;
  const common = {
    namespace: metadata.namespace ?? "default",
    labels: spec.template.metadata?.labels ?? {},
    annotations: { ...metadata.annotations, ...spec.template.metadata?.annotations },
    spec: spec.template.spec,
    workload: metadata.name,
    object,
    source,
    path: ["spec", "template", "spec"],
  };
  if (value.kind === "DaemonSet")
    return nodes.map((node) => ({ ...common, name: `${metadata.name}-${node.name}`, node: node.name }));
  const replicas = "replicas" in value.spec ? (value.spec.replicas ?? 1) : 1;
  return Array.from({ length: replicas }, (_, i) => ({ ...common, name: `${metadata.name}-${i}` }));
}

function buildPod(template: Template, address: string | undefined, context: PodContext): PodSpec {
  const { spec, source, object, path } = template;
  const place: Place = { source, object, path, problems: context.problems };
  const node = placeOn(template, context, place);
  const facts: PodFacts = {
    name: template.name,
    namespace: template.namespace,
    labels: template.labels,
    annotations: template.annotations,
    nodeName: node.name,
    hostIp: node.address.split("/")[0] ?? "",
    hostNetwork: spec.hostNetwork ?? false,
    ...(address === undefined ? {} : { podIp: address.split("/")[0] ?? "" }),
    serviceAccountName: "default",
    configMaps: context.configMaps,
  };
  const located = (list: readonly Container[] | null | undefined, field: string) =>
    (list ?? []).map((container, i) => ({ container, place: { ...place, path: [...path, field, i] } }));
  const all = { init: located(spec.initContainers, "initContainers"), main: located(spec.containers, "containers") };
  checkNames([...all.init, ...all.main]);
  tellUnused(template, context.notes);
  const volumes = buildVolumes(spec.volumes ?? [], facts, { ...place, path: [...path, "volumes"] });
  const mounts = buildMounts([...all.init, ...all.main], volumes);
  const urls = meshUrls(template, context);
  if (urls !== undefined || wantsMeshSocket(spec)) {
    volumes.push({ name: meshVolume, type: "mesh" });
    if (!mounts.some((mount) => mount.path === meshSocketDirectory))
      mounts.push({ volume: meshVolume, path: meshSocketDirectory, readOnly: false });
  }
  addImageFolders(all.main, volumes, mounts);
  const build = (list: typeof all.main): ContainerSpec[] =>
    list.map(({ container, place }) => buildContainer(container, facts, { volumes, mounts }, place));
  const containers = build(all.main);
  const initContainers = build(all.init).map((container) => (containers.every(isIdle) ? idle(container) : container));
  const tools = [
    ...new Set([...(spec.initContainers ?? []), ...spec.containers].flatMap((one) => toolsOf(one.image ?? ""))),
  ];
  return {
    name: template.name,
    namespace: template.namespace,
    node: node.name,
    hostname: (spec.hostname ?? template.name).slice(0, 63),
    hostNetwork: facts.hostNetwork,
    ...(address === undefined ? {} : { clusterAddress: facts.hostNetwork ? facts.hostIp : address }),
    ...(tools.length > 0 ? { tools } : {}),
    labels: template.labels,
    sysctls: checkedSysctls(spec, place),
    restartPolicy: spec.restartPolicy ?? "Always",
    graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
    volumes,
    mounts,
    initContainers,
    containers: urls ? [nscFor(urls, facts, containers), ...containers] : containers,
  };
}

const isIdle = ({ command }: ContainerSpec): boolean => command === undefined;

/** An init container of a Pod in which nothing else runs has nothing to prepare, and might wait forever. */
function idle({ command: _command, ...rest }: ContainerSpec): ContainerSpec {
  return { notRunnable: "no container of this Pod is runnable in a lab, so there is nothing to prepare", ...rest };
}

/**
 * What a program of an image writes beside its volumes goes into the image's own file system on a cluster, and away with
 * the Pod; here it must not go into the machine's.
 */
function addImageFolders(
  containers: readonly { container: Container }[],
  volumes: VolumeSpec[],
  mounts: MountSpec[],
): void {
  for (const { container } of containers) {
    if (toolsOf(container.image ?? "").length === 0) continue;
    const words = [...(container.command ?? []), ...(container.args ?? [])].join(" ");
    const path = /--data-dir[= ](\/[^\s'"]+)/.exec(words)?.[1]?.replace(/\/+$/, "");
    if (path === undefined || path === "" || mounts.some((mount) => `${path}/`.startsWith(`${mount.path}/`))) continue;
    const name = `.image-${container.name}`;
    volumes.push({ name, type: "emptyDir" });
    mounts.push({ volume: name, path, readOnly: false });
  }
}

/** Ports that containers name, by Pod. */
export function namedPorts(documents: Documents, pods: readonly PodSpec[]): Map<string, Map<string, number>> {
  const named = new Map<string, Map<string, number>>();
  const add = (pod: string, containers: readonly Container[]): void => {
    const ports = containers.flatMap(({ ports }) => ports ?? []);
    named.set(pod, new Map(ports.flatMap(({ name, containerPort }) => (name ? [[name, containerPort] as const] : []))));
  };
  for (const { value } of documents.pods) add(value.metadata.name, value.spec.containers);
  for (const { value } of documents.workloads)
    for (const { name } of pods)
      if (name.startsWith(`${value.metadata.name}-`)) add(name, value.spec.template.spec.containers);
  return named;
}

function checkNames(containers: readonly { container: Container; place: Place }[]): void {
  const seen = new Set<string>();
  for (const { container, place } of containers) {
    if (seen.has(container.name)) complain(place, `a second container is named ${container.name}; rename one`);
    seen.add(container.name);
  }
}

/** The kubelet allows namespaced network sysctls; others would change the whole machine. */
function checkedSysctls(spec: PodSpecDocument, place: Place): PodSpec["sysctls"] {
  const sysctls = spec.securityContext?.sysctls ?? [];
  for (const [i, { name }] of sysctls.entries()) {
    const at: Place = { ...place, path: [...place.path, "securityContext", "sysctls", i] };
    if (!/^net[./][-\w./*]+$/.test(name) || name.includes(".."))
      complain(at, `${name} is not a network setting; a lab sets only those that begin with "net."`);
    if (spec.hostNetwork) complain(at, `${name} is not possible with hostNetwork: true; the node has it`);
  }
  return sysctls;
}

function wantsMeshSocket(spec: PodSpecDocument): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].some(({ resources }) =>
    [resources?.limits, resources?.requests].some((list) => list && "networkservicemesh.io/socket" in list),
  );
}

/** From the Pod, its workload or its namespace, as the admission webhook reads it. */
function meshUrls(template: Template, { documents }: PodContext): string | undefined {
  const namespace = documents.namespaces.find(({ value }) => value.metadata.name === template.namespace);
  const own =
    template.annotations[meshAnnotation] ??
    (template.workload ? undefined : namespace?.value.metadata.annotations[meshAnnotation]);
  return own?.trim() || undefined;
}

/**
 * The client that the admission webhook adds to a Pod with the annotation: once as an init container, so that the
 * application finds its interfaces, and once beside it. Here one program does both.
 */
function nscFor(urls: string, facts: PodFacts, others: readonly ContainerSpec[]): ContainerSpec {
  const name = others.some((other) => other.name === "cmd-nsc") ? "cmd-nsc-lab" : "cmd-nsc";
  return {
    name,
    image: "cmd-nsc",
    command: ["nsc"],
    program: "nsc",
    connectsPod: true,
    workingDir: "/",
    env: [
      ["POD_NAME", facts.name],
      ["NODE_NAME", facts.nodeName],
      ["NSM_NAME", facts.name],
      ["NSM_CONNECT_TO", meshSocketUrl],
      ["NSM_NETWORK_SERVICES", urls],
    ],
  };
}

function tellUnused({ spec, object }: Template, notes: string[]): void {
  const tell = (what: string): void => {
    const note = `${object}: ${what} has no effect in a lab`;
    if (!notes.includes(note)) notes.push(note);
  };
  for (const field of toldPodFields) if (spec[field] !== undefined) tell(field);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers])
    for (const field of toldContainerFields)
      if (container[field] !== undefined) tell(`${field} of container ${container.name}`);
}

export type { Located };
