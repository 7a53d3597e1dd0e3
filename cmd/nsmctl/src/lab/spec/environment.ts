import { createHash } from "node:crypto";
import type { Container, EnvVar } from "../documents/kubernetes/container.ts";
import type { Problems } from "../documents/problems.ts";
import { pathText } from "../documents/schema.ts";
import type { Path, SourceDocument } from "../documents/yaml.ts";

/** What references in a container's environment may point at. */
export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly nodeName: string;
  readonly hostIp: string;
  readonly hostNetwork: boolean;
  /** Of the Pod on the cluster network; undefined where the lab has none. */
  readonly podIp?: string;
  readonly serviceAccountName: string;
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface Place {
  readonly source: SourceDocument;
  readonly object: string;
  readonly path: Path;
  readonly problems: Problems;
}

/** The environment of a container by Kubernetes' rules: envFrom, then env, each able to refer to what came before. */
export function containerEnvironment(container: Container, facts: PodFacts, place: Place): Map<string, string> {
  const env = new Map<string, string>();
  for (const [i, from] of (container.envFrom ?? []).entries()) {
    const at: Place = { ...place, path: [...place.path, "envFrom", i] };
    if (from.secretRef !== undefined) complain(at, "secretRef is not possible in a lab; use a ConfigMap");
    if (!from.configMapRef) continue;
    const map = facts.configMaps.get(from.configMapRef.name);
    if (map) for (const [key, value] of Object.entries(map)) env.set(`${from.prefix ?? ""}${key}`, value);
    else if (!from.configMapRef.optional) complain(at, missingConfigMap(from.configMapRef.name));
  }
  for (const [i, variable] of (container.env ?? []).entries()) {
    const value = envValue(variable, facts, { ...place, path: [...place.path, "env", i] });
    if (value !== undefined) env.set(variable.name, variable.valueFrom ? value : expand(value, env));
  }
  return env;
}

export function missingConfigMap(name: string): string {
  return `ConfigMap ${JSON.stringify(name)} is not among the documents; add it, or set optional: true`;
}

function envValue(variable: EnvVar, facts: PodFacts, place: Place): string | undefined {
  const from = variable.valueFrom;
  if (!from) return variable.value ?? "";
  if (from.fieldRef) {
    const value = fieldOf(from.fieldRef.fieldPath, facts);
    if (value === undefined)
      complain(place, `${variable.name}: fieldPath ${from.fieldRef.fieldPath} has no value in this lab; ${fieldPaths}`);
    return value;
  }
  if (from.configMapKeyRef) {
    const { name, key, optional } = from.configMapKeyRef;
    const value = facts.configMaps.get(name)?.[key];
    if (value === undefined && !optional)
      complain(
        place,
        facts.configMaps.has(name) ? `${variable.name}: ConfigMap ${name} has no key ${key}` : missingConfigMap(name),
      );
    return value;
  }
  if (from.secretKeyRef?.optional) return undefined;
  complain(place, `${variable.name}: a lab has neither Secrets nor resource limits; use value or configMapKeyRef`);
  return undefined;
}

const fieldPaths =
  "possible are metadata.name, .namespace, .uid, .labels['x'], .annotations['x'], spec.nodeName, spec.serviceAccountName, status.hostIP, and status.podIP in a lab with Services";

function fieldOf(fieldPath: string, facts: PodFacts): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (keyed) return facts[keyed[1] as "labels" | "annotations"][keyed[2] ?? ""] ?? "";
  switch (fieldPath) {
    case "metadata.name":
      return facts.name;
    case "metadata.namespace":
      return facts.namespace;
    case "metadata.uid":
      return podUid(facts.namespace, facts.name);
    case "spec.nodeName":
      return facts.nodeName;
    case "spec.serviceAccountName":
      return facts.serviceAccountName;
    case "status.hostIP":
    case "status.hostIPs":
      return facts.hostIp;
    case "status.podIP":
    case "status.podIPs":
      // Without Services a lab has no cluster network: a Pod's addresses are those that the mesh gives it.
      return facts.hostNetwork ? facts.hostIp : facts.podIp;
    default:
      return undefined;
  }
}

/** The same Pod has the same uid in every run, so that a second `up` finds nothing changed. */
export function podUid(namespace: string, name: string): string {
  const hex = createHash("sha256").update(`${namespace}/${name}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** `$(NAME)` -> value; unknown names stay, `$$` is an escaped dollar sign. */
export function expand(text: string, env: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole, first: string, name: string) =>
    first === "$" ? "$" : (env.get(name) ?? whole),
  );
}

export function complain(place: Place, text: string): void {
  place.problems.add(place.source.at(place.path), `${place.object}: ${pathText(place.path)}: ${text}`);
}
