import { basename, resolve } from "node:path";
import { knownModels, type ModelRegistry } from "@nsmkit/api/model";
import { parseCidr } from "@nsmkit/netlink";
import type { LabDocument } from "../documents/lab.ts";
import { checkDocuments, type Documents, type LoadedFiles, type Located } from "../documents/load.ts";
import { Problems } from "../documents/problems.ts";
import { hostOf } from "./addresses.ts";
import { buildConfigurations } from "./configurations.ts";
import { buildPods, namedPorts } from "./pods.ts";
import { buildServices } from "./services.ts";
import {
  type CheckSpec,
  type ConfigMapSpec,
  clusterInterface,
  type LabSpec,
  type LinkEndSpec,
  type LinkSpec,
  type NodeSpec,
  type PodSpec,
} from "./spec.ts";

export interface BuiltLab {
  readonly spec: LabSpec;
  /** Documents without use in a lab. */
  readonly ignored: readonly string[];
  /** What works otherwise than on a cluster, or probably not at all. */
  readonly notes: readonly string[];
}

/** RFC 2544's range for tests: it clashes with no address that a chain would use. */
const defaultSubnet = "198.18.0.0/24";
/** The other half of that range. */
const defaultClusterSubnet = "198.19.0.0/16";

/**
 * Turns files into the lab that they describe.
 * @param options.models those that items of CNFConfigurations may have; default all but those of VPP
 * @param options.name overrides the Lab document's and the folder's
 * @throws CodedError INVALID_CONFIG with one line per problem: `file:line: object: field …; remedy`
 */
export function buildLab(
  files: LoadedFiles,
  options: { readonly name?: string; readonly models?: ModelRegistry } = {},
): BuiltLab {
  const problems = new Problems();
  const documents = checkDocuments(files.sources, problems);
  problems.throwIfAny();
  const document = theLab(documents, problems);
  const notes: string[] = [];
  const nodes = buildNodes(document, problems);
  const clusterSubnet =
    documents.services.length > 0 ? (document?.value.spec?.cluster?.subnet ?? defaultClusterSubnet) : undefined;
  const pods = buildPods({
    documents,
    nodes,
    placement: document?.value.spec?.placement ?? {},
    configMaps: configMapTexts(documents),
    ...(clusterSubnet === undefined ? {} : { clusterSubnet }),
    problems,
    notes,
  });
  checkPlacement(document, pods, documents, problems);
  const cluster = clusterSubnet === undefined ? undefined : buildCluster(clusterSubnet, documents, pods, notes);
  const { models = knownModels } = options;
  const configurations = buildConfigurations({ pods, documents, models, cluster, problems, notes });
  const underlay = document?.value.spec?.underlay;
  const spec: LabSpec = {
    name: options.name ?? document?.value.metadata.name ?? nameOf(files.paths),
    ...(document?.value.spec?.description ? { description: document.value.spec.description } : {}),
    gateway: hostOf(underlay?.subnet ?? defaultSubnet, 1),
    underlayMtu: underlay?.mtu ?? 1500,
    nodes,
    links: buildLinks(document, nodes, pods, problems),
    networkServices: documents.networkServices.map(({ value }) => value),
    configMaps: documents.configMaps.map(configMapFiles),
    pods,
    configurations,
    checks: buildChecks(document, pods, problems),
    ...(cluster ? { cluster } : {}),
  };
  problems.throwIfAny();
  return { spec, ignored: documents.ignored, notes };
}

function buildCluster(
  subnet: string,
  documents: Documents,
  pods: readonly PodSpec[],
  notes: string[],
): NonNullable<LabSpec["cluster"]> {
  const services = buildServices(documents.services, { subnet, pods, namedPorts: namedPorts(documents, pods), notes });
  return { gateway: hostOf(subnet, 1), services };
}

function theLab({ labs }: Documents, problems: Problems): Located<LabDocument> | undefined {
  const [first, second] = labs;
  if (second)
    problems.add(
      second.source.at([]),
      `${second.object}: a lab has one Lab document, the other is at ${first?.source.at([])}`,
    );
  return first;
}

/** A folder's or file's name, made a valid object name. */
function nameOf(paths: readonly string[]): string {
  const name = basename(resolve(paths[0] ?? "lab")).replace(/\.ya?ml$/, "");
  return (
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "")
      .slice(0, 63) || "lab"
  );
}

function buildNodes(lab: Located<LabDocument> | undefined, problems: Problems): NodeSpec[] {
  const declared = lab?.value.spec?.nodes ?? [{ name: "node-1" }];
  const subnet = lab?.value.spec?.underlay?.subnet ?? defaultSubnet;
  const { family, length } = parseCidr(subnet);
  const room = 2 ** Math.min(24, (family === 4 ? 32 : 128) - length) - 3;
  if (lab && declared.length > room)
    problems.add(
      lab.source.at(["spec", "nodes"]),
      `${lab.object}: ${declared.length} nodes do not fit into the underlay ${subnet}; choose a larger subnet`,
    );
  const seen = new Set<string>();
  return declared.map((node, i) => {
    if (lab && seen.has(node.name))
      problems.add(lab.source.at(["spec", "nodes", i]), `${lab.object}: node ${node.name} is named twice; rename one`);
    seen.add(node.name);
    return {
      name: node.name,
      labels: {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        ...("labels" in node ? node.labels : {}),
      },
      // .1 is the bridge's own, where the registry listens.
      address: hostOf(subnet, i + 2),
    };
  });
}

function checkPlacement(
  lab: Located<LabDocument> | undefined,
  pods: readonly PodSpec[],
  documents: Documents,
  problems: Problems,
): void {
  const names = new Set([
    ...pods.map((pod) => pod.name),
    ...documents.workloads.map(({ value }) => value.metadata.name),
  ]);
  for (const pod of Object.keys(lab?.value.spec?.placement ?? {})) {
    if (lab && !names.has(pod))
      problems.add(
        lab.source.atKey(["spec", "placement", pod]),
        `${lab.object}: placement names ${pod}, there is no such Pod; the Pods are ${[...names].join(", ") || "none"}`,
      );
  }
}

function buildLinks(
  lab: Located<LabDocument> | undefined,
  nodes: readonly NodeSpec[],
  pods: readonly PodSpec[],
  problems: Problems,
): LinkSpec[] {
  const taken = new Set<string>();
  return (lab?.value.spec?.links ?? []).map(({ endpoints }, i) => {
    const ends = endpoints.map((end, side): LinkEndSpec => {
      const kind = end.node === undefined ? "pod" : "node";
      const name = end.node ?? end.pod ?? "";
      const wrong = (text: string): void =>
        problems.add(lab?.source.at(["spec", "links", i, "endpoints", side]) ?? "", `${lab?.object}: ${text}`);
      if (!(kind === "node" ? nodes : pods).some((owner) => owner.name === name))
        wrong(`there is no ${kind} ${name} for interface ${end.interface}`);
      if (kind === "pod" && pods.some((pod) => pod.name === name && pod.hostNetwork))
        wrong(`Pod ${name} has hostNetwork: true; name its node instead`);
      if (kind === "pod" && end.interface === clusterInterface && pods.some((pod) => pod.clusterAddress !== undefined))
        wrong(`Pod ${name} has ${clusterInterface} on the cluster network, as the lab has Services; rename the link`);
      const id = `${kind}/${name}/${end.interface}`;
      if (taken.has(id)) wrong(`${kind} ${name} has two links named ${end.interface}; rename one`);
      taken.add(id);
      return {
        owner: { kind, name },
        interface: end.interface,
        addresses: end.addresses ?? [],
        ...(end.mac === undefined ? {} : { mac: end.mac }),
        ...(end.mtu === undefined ? {} : { mtu: end.mtu }),
      };
    }) as [LinkEndSpec, LinkEndSpec];
    return { name: ends.map((end) => `${end.owner.name}:${end.interface}`).join("--"), ends };
  });
}

function configMapTexts({ configMaps }: Documents): ReadonlyMap<string, Readonly<Record<string, string>>> {
  return new Map(
    configMaps.map(({ value }) => [
      value.metadata.name,
      { ...value.data, ...Object.fromEntries(Object.keys(value.binaryData ?? {}).map((key) => [key, ""])) },
    ]),
  );
}

function configMapFiles({ value }: Documents["configMaps"][number]): ConfigMapSpec {
  const texts = Object.entries(value.data ?? {}).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return { name: value.metadata.name, files: { ...Object.fromEntries(texts), ...value.binaryData } };
}

function buildChecks(lab: Located<LabDocument> | undefined, pods: readonly PodSpec[], problems: Problems): CheckSpec[] {
  const seen = new Set<string>();
  return (lab?.value.spec?.checks ?? []).map((check, i) => {
    const wrong = (text: string): void =>
      problems.add(
        lab?.source.at(["spec", "checks", i]) ?? "",
        `${lab?.object}: check ${JSON.stringify(check.name)}: ${text}`,
      );
    const pod = pods.find((candidate) => candidate.name === check.pod);
    if (!pod) wrong(`there is no Pod ${check.pod}; the Pods are ${pods.map((p) => p.name).join(", ") || "none"}`);
    else if (check.container !== undefined && !pod.containers.some((c) => c.name === check.container))
      wrong(
        `Pod ${check.pod} has no container ${check.container}; it has ${pod.containers.map((c) => c.name).join(", ")}`,
      );
    if (seen.has(check.name)) wrong("there is another check of this name; rename one");
    seen.add(check.name);
    return {
      name: check.name,
      pod: check.pod,
      ...(check.container === undefined ? {} : { container: check.container }),
      command: check.command,
      exitCode: check.expect?.exitCode ?? 0,
      stdout: check.expect?.stdout ?? {},
      stderr: check.expect?.stderr ?? {},
      timeoutMs: check.timeout ?? 10_000,
      show: check.show ?? false,
    };
  });
}
