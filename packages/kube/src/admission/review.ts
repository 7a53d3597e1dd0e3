/** The API server's question about an object and our answer (admission.k8s.io/v1 AdmissionReview). */
import { CodedError } from "@nsmkit/core";
import type { UnknownObject } from "../object.ts";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What is asked. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly kind: GroupVersionKind;
  /** Absent for what is cluster-scoped. */
  readonly namespace?: string;
  /** Absent for what the server is yet to name. */
  readonly name?: string;
  readonly subresource?: string;
  /** As it is to be stored; absent for DELETE. */
  readonly object?: UnknownObject;
  /** As it is stored; absent for CREATE. */
  readonly oldObject?: UnknownObject;
  readonly dryRun: boolean;
  /** Who asks; "" when the server does not say. */
  readonly user: string;
}

/** One step of RFC 6902; paths are JSON pointers. */
export type JsonPatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export type Admission =
  | {
      readonly allowed: true;
      /** Shown to the user; Kubernetes keeps 256 characters of each for certain. */
      readonly warnings?: readonly string[];
      /** Changes the object; only of a mutating webhook. */
      readonly patch?: readonly JsonPatchOperation[];
    }
  | {
      readonly allowed: false;
      /** HTTP; default 422, as for an object that its schema refuses. */
      readonly code?: number;
      /** One word of meta/v1; default "Invalid". */
      readonly reason?: string;
      readonly message: string;
      readonly warnings?: readonly string[];
    };

/** The document that the API server expects. */
export interface AdmissionReview {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
    readonly patchType?: "JSONPatch";
    /** Base64 of the JSON. */
    readonly patch?: string;
  };
}

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const operations = new Set(["CREATE", "UPDATE", "DELETE", "CONNECT"]);

/** @throws INVALID_ARGUMENT for what is no review, or holds something as object that has no metadata */
export function parseReview(body: unknown): AdmissionRequest {
  const request = isMap(body) && body.kind === "AdmissionReview" && isMap(body.request) ? body.request : undefined;
  if (!request || typeof request.uid !== "string") throw new CodedError("INVALID_ARGUMENT", "no AdmissionReview");
  const { uid, operation = "CREATE", kind, namespace, name, subResource, dryRun, userInfo } = request;
  if (typeof operation !== "string" || !operations.has(operation)) {
    throw new CodedError("INVALID_ARGUMENT", `no operation of an AdmissionReview: ${JSON.stringify(operation)}`);
  }
  const [object, oldObject] = [objectOf(request.object, "object"), objectOf(request.oldObject, "oldObject")];
  return {
    uid,
    operation: operation as AdmissionRequest["operation"],
    kind: {
      group: textOf(isMap(kind) ? kind.group : undefined) ?? "",
      version: textOf(isMap(kind) ? kind.version : undefined) ?? "",
      kind: textOf(isMap(kind) ? kind.kind : undefined) ?? "",
    },
    ...optional("namespace", textOf(namespace)),
    ...optional("name", textOf(name)),
    ...optional("subresource", textOf(subResource)),
    ...optional("object", object),
    ...optional("oldObject", oldObject),
    dryRun: dryRun === true,
    user: (isMap(userInfo) ? textOf(userInfo.username) : undefined) ?? "",
  };
}

/** The answer to `request` as a document. */
export function reviewOf({ uid }: Pick<AdmissionRequest, "uid">, admission: Admission): AdmissionReview {
  const { warnings = [] } = admission;
  const told = warnings.length > 0 ? { warnings } : {};
  const head = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" } as const;
  if (!admission.allowed) {
    const { code = 422, reason = "Invalid", message } = admission;
    return { ...head, response: { uid, allowed: false, status: { code, reason, message }, ...told } };
  }
  const { patch = [] } = admission;
  const patched =
    patch.length === 0
      ? {}
      : { patchType: "JSONPatch" as const, patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
  return { ...head, response: { uid, allowed: true, ...told, ...patched } };
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

function objectOf(value: unknown, field: string): UnknownObject | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isMap(value) || !isMap(value.metadata)) {
    throw new CodedError("INVALID_ARGUMENT", `request.${field} of the AdmissionReview is no object of Kubernetes`);
  }
  return value as unknown as UnknownObject;
}
