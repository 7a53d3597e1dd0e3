import { type CnfConfigurationStatus, cnfConfigurationResource } from "@nsmkit/agent/cnf-configuration";
import type { Resource, UnknownObject } from "@nsmkit/kube";

/** A CNFConfiguration as the API server has it; its spec is still to be read. */
export interface CnfConfigurationObject extends UnknownObject {
  readonly spec?: unknown;
  readonly status?: CnfConfigurationStatus;
}

export const cnfConfigurations: Resource<CnfConfigurationObject> = cnfConfigurationResource;

/** How many items a spec has, whatever they are. */
export function itemCountOf({ spec }: CnfConfigurationObject): number {
  const items = (spec as { configItems?: unknown } | undefined)?.configItems;
  return Array.isArray(items) ? items.length : 0;
}

/** Without what nobody here reads and what takes most of the room. */
export function slim(object: CnfConfigurationObject): CnfConfigurationObject {
  const { managedFields: _fields, annotations, ...metadata } = object.metadata;
  if (!annotations) return { ...object, metadata };
  const { "kubectl.kubernetes.io/last-applied-configuration": _last, ...kept } = annotations;
  return { ...object, metadata: { ...metadata, annotations: kept } };
}

/** Older ones first: of two that claim one key it is the first that was there. */
export function byAge(a: CnfConfigurationObject, b: CnfConfigurationObject): number {
  const [x, y] = [ageText(a), ageText(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

const ageText = ({ metadata }: CnfConfigurationObject): string =>
  `${metadata.creationTimestamp ?? ""} ${metadata.namespace} ${metadata.name}`;
