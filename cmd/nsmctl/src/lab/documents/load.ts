import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { CodedError, messageOf } from "@nsmkit/core";
import type { z } from "zod";
import { type CnfConfiguration, cnfConfiguration } from "./cnf-configuration.ts";
import { configMap, namespace } from "./kubernetes/config-map.ts";
import { pod } from "./kubernetes/pod.ts";
import { type Service, service } from "./kubernetes/service.ts";
import { daemonSet, deployment, replicaSet, statefulSet, type Workload } from "./kubernetes/workload.ts";
import { type LabDocument, lab } from "./lab.ts";
import { type NetworkServiceSpec, networkServiceLegacy, networkServiceV1 } from "./network-service.ts";
import { isObject } from "./object.ts";
import type { Problems } from "./problems.ts";
import { check, shown } from "./schema.ts";
import { readDocuments, type SourceDocument } from "./yaml.ts";

/** A checked document and where it was written. */
export interface Located<T> {
  readonly value: T;
  readonly source: SourceDocument;
  /** "Pod client": what messages call it. */
  readonly object: string;
}

export interface Documents {
  readonly pods: Located<z.output<typeof pod>>[];
  readonly workloads: Located<Workload>[];
  readonly configMaps: Located<z.output<typeof configMap>>[];
  readonly namespaces: Located<z.output<typeof namespace>>[];
  readonly networkServices: Located<NetworkServiceSpec>[];
  readonly configurations: Located<CnfConfiguration>[];
  readonly services: Located<Service>[];
  readonly labs: Located<LabDocument>[];
  /** Documents of kinds that a lab has no use for: "Ingress default/web". */
  readonly ignored: string[];
}

/** The kinds that a lab runs. */
const kinds: Readonly<Record<string, { into: Exclude<keyof Documents, "ignored">; schema: z.ZodType }>> = {
  Pod: { into: "pods", schema: pod },
  Deployment: { into: "workloads", schema: deployment },
  ReplicaSet: { into: "workloads", schema: replicaSet },
  StatefulSet: { into: "workloads", schema: statefulSet },
  DaemonSet: { into: "workloads", schema: daemonSet },
  ConfigMap: { into: "configMaps", schema: configMap },
  Namespace: { into: "namespaces", schema: namespace },
  NetworkService: { into: "networkServices", schema: networkServiceV1 },
  CNFConfiguration: { into: "configurations", schema: cnfConfiguration },
  Service: { into: "services", schema: service },
  Lab: { into: "labs", schema: lab },
};

/** Reads and checks every document; what is wrong goes to `problems`, so the result is only good without any. */
export function checkDocuments(sources: readonly SourceDocument[], problems: Problems): Documents {
  const documents: Documents = {
    pods: [],
    workloads: [],
    configMaps: [],
    namespaces: [],
    networkServices: [],
    configurations: [],
    services: [],
    labs: [],
    ignored: [],
  };
  const seen = new Map<string, SourceDocument>();
  for (const source of sources) addDocument(source, documents, seen, problems);
  return documents;
}

function addDocument(
  source: SourceDocument,
  documents: Documents,
  seen: Map<string, SourceDocument>,
  problems: Problems,
): void {
  const { value } = source;
  if (!isObject(value) || typeof value.kind !== "string" || typeof value.apiVersion !== "string") {
    problems.add(
      source.at([]),
      `the document is ${shown(value)}; a Kubernetes object has apiVersion, kind and metadata`,
    );
    return;
  }
  const meta = isObject(value.metadata) ? value.metadata : {};
  const name = typeof meta.name === "string" ? meta.name : "without name";
  const object = `${value.kind} ${name.slice(0, 80)}`;
  const kind = Object.hasOwn(kinds, value.kind) ? kinds[value.kind] : undefined;
  if (!kind) {
    const near = Object.keys(kinds).find((known) => new RegExp(`^${known}s?$`, "i").test(value.kind as string));
    if (near) problems.add(source.at(["kind"]), `${object}: kind is ${shown(value.kind)}; write ${near}`);
    else
      documents.ignored.push(`${value.kind} ${typeof meta.namespace === "string" ? `${meta.namespace}/` : ""}${name}`);
    return;
  }
  const checked = check(schemaOf(value.kind, value.apiVersion, kind.schema), source, object, problems);
  const twin = seen.get(object);
  if (twin) problems.add(source.at([]), `${object} is declared twice, also at ${twin.at([])}; keep one`);
  seen.set(object, source);
  // The table pairs each schema with the list of its type.
  if (checked !== undefined) (documents[kind.into] as Located<unknown>[]).push({ value: checked, source, object });
}

function schemaOf(kind: string, apiVersion: string, schema: z.ZodType): z.ZodType {
  return kind === "NetworkService" && apiVersion === "networkservicemesh.io/v1alpha1" ? networkServiceLegacy : schema;
}

const yamlFiles = new Set([".yaml", ".yml"]);

export interface LoadedFiles {
  readonly sources: readonly SourceDocument[];
  /** Files and folders as given; the first folder gives a lab without a Lab document its name. */
  readonly paths: readonly string[];
}

/**
 * Reads files, and of folders every `*.yaml` and `*.yml` directly in them.
 * @throws CodedError INVALID_CONFIG, NOT_FOUND
 */
export async function loadFiles(paths: readonly string[]): Promise<LoadedFiles> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const texts = await Promise.all(files.map((file) => readText(file)));
  return { sources: files.flatMap((file, i) => readDocuments(texts[i] ?? "", file)), paths };
}

async function filesOf(path: string): Promise<string[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new CodedError("NOT_FOUND", `${path}: ${messageOf(cause)}; name a folder or a file with Kubernetes YAML`);
  });
  if (!info.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => yamlFiles.has(extname(name))).sort();
  if (names.length === 0) throw new CodedError("NOT_FOUND", `${path}: no *.yaml or *.yml file in this folder`);
  return names.map((name) => join(path, name));
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    const why = cause instanceof TypeError ? "is not UTF-8 text" : messageOf(cause);
    throw new CodedError("INVALID_CONFIG", `${basename(file)}: ${why}`, { cause });
  }
}
