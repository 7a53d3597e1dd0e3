import { CodedError } from "@nsmkit/core";
import { latestRelease } from "../versions/releases.ts";
import { fields2020, fields2023 } from "./fields.ts";
import { type Nsm, type NsmMetadata, nsmGroup, nsmVersion, type Problem, type Spec2020, type Spec2023 } from "./nsm.ts";
import { isObject, quote, readFields } from "./read.ts";

/**
 * Reads an NSM document of either generation, strictly.
 * @throws CodedError INVALID_CONFIG whose message names every problem; `details.problems` has them as `Problem[]`
 */
export function parseNsm(document: unknown): Nsm {
  const problems: Problem[] = [];
  const nsm = read(document, problems);
  if (nsm !== undefined && problems.length === 0) return nsm;
  const name = nsm ? `NSM ${nsm.metadata.namespace}/${nsm.metadata.name}: ` : "";
  throw new CodedError("INVALID_CONFIG", name + problems.map(({ message }) => message).join("; "), {
    details: { problems },
  });
}

function read(document: unknown, problems: Problem[]): Nsm | undefined {
  if (!isObject(document)) {
    problems.push({ field: "", message: `${quote(document)} is no object; write an NSM resource` });
    return undefined;
  }
  const expected = `${nsmGroup}/${nsmVersion}`;
  for (const [field, value] of [
    ["apiVersion", expected],
    ["kind", "NSM"],
  ] as const) {
    if (document[field] === value) continue;
    problems.push({ field, message: `${field}: ${quote(document[field])} is something else; write ${value}` });
  }
  const top = ["apiVersion", "kind", "metadata", "spec", "status"];
  for (const field of Object.keys(document).filter((key) => !top.includes(key))) {
    problems.push({ field, message: `${field}: there is no such field; settings belong under spec` });
  }
  const metadata = readMetadata(document.metadata, problems);
  const { spec } = document;
  if (!isObject(spec)) {
    const what = spec === undefined ? "missing" : `${quote(spec)} where the mesh's settings are needed`;
    const example = `spec: {version: ${latestRelease}, registry: {type: k8s}, forwarders: [{type: vpp}]}`;
    problems.push({ field: "spec", message: `spec: ${what}; write ${example}` });
    return undefined;
  }
  const { form, strangers } = formOf(spec, problems);
  // A mixture is reported once, not again as fields that the form does not have.
  const own = Object.fromEntries(Object.entries(spec).filter(([name]) => !strangers.includes(name)));
  const fields = form === "2020" ? fields2020 : fields2023;
  const read = readFields(fields, own, "spec", problems, strangers);
  return form === "2020" ? { form, metadata, spec: read as Spec2020 } : { form, metadata, spec: read as Spec2023 };
}

function readMetadata(value: unknown, problems: Problem[]): NsmMetadata {
  const metadata = isObject(value) ? value : {};
  const { name, namespace, uid, generation } = metadata;
  const dnsName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
  if (typeof name !== "string" || !dnsName.test(name) || name.length > 253) {
    problems.push({
      field: "metadata.name",
      message: `metadata.name: ${quote(name)} is no name; write lower-case letters, digits and dashes, like nsm`,
    });
  }
  if (
    namespace !== undefined &&
    (typeof namespace !== "string" || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace))
  )
    problems.push({
      field: "metadata.namespace",
      message: `metadata.namespace: ${quote(namespace)} is no namespace's name; write one like nsm-system`,
    });
  return {
    name: typeof name === "string" ? name : "",
    namespace: typeof namespace === "string" ? namespace : "default",
    ...(typeof uid === "string" && { uid }),
    ...(typeof generation === "number" && { generation }),
  };
}

const has2020 = new Set(Object.keys(fields2020));
const has2023 = new Set(Object.keys(fields2023));

/** Which generation a spec is of. Fields that only one has decide; a mixture is a problem that names both sides. */
function formOf(
  spec: Readonly<Record<string, unknown>>,
  problems: Problem[],
): { readonly form: "2020" | "2023"; readonly strangers: readonly string[] } {
  const old: string[] = [];
  const current: string[] = [];
  for (const [name, value] of Object.entries(spec)) {
    if (value === null || value === undefined) continue;
    // What is neither way of writing them is of no form, and a problem of its own.
    if (name === "registry") {
      if (typeof value === "string") old.push(name);
      else if (isObject(value)) current.push(name);
    } else if (name === "spire") {
      if (value === "true" || value === "false" || typeof value === "boolean") old.push(name);
      else if (typeof value === "string") current.push(name);
    } else if (has2020.has(name) && !has2023.has(name)) old.push(name);
    else if (has2023.has(name) && !has2020.has(name)) current.push(name);
  }
  if (old.length === 0 || current.length === 0) return { form: old.length > 0 ? "2020" : "2023", strangers: [] };
  const form = isObject(spec.registry) || Array.isArray(spec.forwarders) ? "2023" : "2020";
  const strangers = form === "2023" ? old : current;
  problems.push({
    field: `spec.${strangers[0]}`,
    message: `spec mixes two forms of this resource: ${old.join(", ")} of 2020 and ${current.join(", ")} of 2023; ${advice(form, strangers)}`,
  });
  return { form, strangers };
}

const replacements: Readonly<Record<string, string>> = {
  org: "imageRepository",
  tag: "version",
  pullPolicy: "nsmPullPolicy",
  webhookName: "webhook: {}",
  replicas: "webhook.replicas",
  insecure: "spire: none with provider: nsmkit",
  forwardingPlaneName: "forwarders[].name",
  forwardingPlaneImage: "forwarders[].image",
  spire: "spire: managed",
  registry: "registry: {type: k8s} and imageRepository",
};

function advice(form: "2020" | "2023", strangers: readonly string[]): string {
  if (form === "2020") return `remove ${strangers.join(", ")}, or rewrite the document with nsmctl convert`;
  return strangers
    .map((name) =>
      replacements[name] === undefined ? `remove ${name}` : `instead of ${name} write ${replacements[name]}`,
    )
    .join(", ");
}
