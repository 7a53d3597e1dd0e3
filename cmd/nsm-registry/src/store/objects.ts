import type { NetworkService, NetworkServiceEndpoint } from "@nsmkit/api/registry";
import { messageOf } from "@nsmkit/core";
import type { KubeObject, ObjectMeta, Resource } from "@nsmkit/kube";
import type { EntryRules, NseKind, NsKind, RegistryKind } from "@nsmkit/sdk/registry";
import { nseRules, nsRules } from "@nsmkit/sdk/registry";
import type { JsonMap } from "./json.ts";
import { readEndpoint, readService, writeEndpoint, writeService } from "./spec.ts";

/** One object of the API. What the cache keeps has `entry` instead of `spec`: the entry is all that is ever asked for. */
export interface StoredObject<E> extends KubeObject {
  readonly spec?: unknown;
  readonly entry?: E;
  /** Why there is no entry. */
  readonly problem?: string;
}

/** How the entries of one registry are kept. */
export interface StoredKind<K extends RegistryKind> {
  readonly resource: Resource<StoredObject<K["request"]>>;
  readonly rules: EntryRules<K>;
  read(spec: unknown): K["request"];
  write(entry: K["request"]): JsonMap;
}

const resource = <E>(kind: string): Resource<StoredObject<E>> => ({
  group: "networkservicemesh.io",
  version: "v1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: true,
});

export const storedServices: StoredKind<NsKind> = {
  resource: resource<NetworkService>("NetworkService"),
  rules: nsRules,
  read: readService,
  write: writeService,
};

export const storedEndpoints: StoredKind<NseKind> = {
  resource: resource<NetworkServiceEndpoint>("NetworkServiceEndpoint"),
  rules: nseRules,
  read: readEndpoint,
  write: writeEndpoint,
};

/**
 * An object of the API as it is kept: without the fields' owners and the user's annotations, which are most of it. One
 * that cannot be read stays without an entry; it must not take the others with it.
 */
export function readObject<K extends RegistryKind>(
  kind: StoredKind<K>,
  object: StoredObject<K["request"]>,
): StoredObject<K["request"]> {
  if (object.entry || object.problem !== undefined) return object;
  const { apiVersion, metadata, spec } = object;
  const base = { apiVersion, kind: object.kind, metadata: lean(metadata) };
  try {
    const entry = kind.read(spec);
    // As upstream: the object's name counts when the spec has none.
    if (entry.name === "") entry.name = metadata.name ?? "";
    return { ...base, entry };
  } catch (error) {
    return { ...base, problem: messageOf(error) };
  }
}

function lean({ name, namespace, uid, resourceVersion, finalizers }: ObjectMeta): ObjectMeta {
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(finalizers && finalizers.length > 0 && { finalizers }),
  };
}
