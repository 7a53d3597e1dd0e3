import type { AdmissionRequest } from "@nsmkit/kube/admission";
import { isMap, type Json, listOf, mapOf, textOf } from "./json.ts";
import type { PodPart } from "./patch.ts";

/** An object that may get clients. */
export interface Target extends PodPart {
  /** "Pod default/web" for messages. */
  readonly object: string;
  readonly isPod: boolean;
  /** What it says itself; "" if nothing. */
  readonly annotation: string;
  /** What the template of a workload says beside it. */
  readonly templateAnnotation: string;
}

const workloads = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]);

/** What a request is about; undefined for everything that is none of our business. */
export function targetOf(request: AdmissionRequest, annotation: string): Target | undefined {
  const { kind, operation, object, subresource } = request;
  if (!object || subresource !== undefined) return undefined;
  const isPod = kind.group === "" && kind.kind === "Pod";
  const isWorkload = kind.group === "apps" && workloads.has(kind.kind);
  // The containers of a Pod that exists cannot change; a workload's template can, and loses ours when it is replaced.
  if (!(isPod && operation === "CREATE") && !(isWorkload && (operation === "CREATE" || operation === "UPDATE")))
    return undefined;
  const metadata = object.metadata as unknown as Json;
  const { name, generateName } = metadata;
  const namespace = textOf(metadata.namespace) || (request.namespace ?? "");
  const shown = `${kind.kind} ${namespace}/${textOf(name) || request.name || `${textOf(generateName)}*`}`;
  const own = textOf(mapOf(metadata.annotations)[annotation]).trim();
  if (isPod) {
    if (!Array.isArray(mapOf(object.spec).containers)) return undefined;
    return { path: "", pod: object, object: shown, isPod, annotation: own, templateAnnotation: "" };
  }
  // Its Deployment was asked already, and the controller copies the Deployment's annotations.
  if (kind.kind === "ReplicaSet" && listOf(metadata.ownerReferences).some((owner) => owner.kind === "Deployment"))
    return undefined;
  const template = mapOf(object.spec).template;
  if (!isMap(template) || !Array.isArray(mapOf(template.spec).containers)) return undefined;
  const templateAnnotation = textOf(mapOf(mapOf(template.metadata).annotations)[annotation]).trim();
  return { path: "/spec/template", pod: template, object: shown, isPod, annotation: own, templateAnnotation };
}

/** The kubelet's own Pods: what the API server holds of them is a picture. */
export const isMirror = ({ pod }: PodPart): boolean =>
  Object.hasOwn(mapOf(mapOf(pod.metadata).annotations), "kubernetes.io/config.mirror");
