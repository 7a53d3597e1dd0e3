import type { KubeObject, Resource } from "@nsmkit/kube";
import { cnfConfigurationResource } from "../../cnf-configuration/definition.ts";
import type { CnfConfigurationStatus } from "../../cnf-configuration/status/index.ts";
import { isObject } from "../files/object.ts";

/** A CNFConfiguration as the API server gives it. `spec` is looked at by the reader alone. */
export interface CnfConfigurationObject extends KubeObject {
  readonly kind: "CNFConfiguration";
  readonly spec?: unknown;
  readonly status?: CnfConfigurationStatus;
}

export const cnfConfigurations: Resource<CnfConfigurationObject> = cnfConfigurationResource;

/** What is not looked at is not kept: managed fields are often larger than all the rest. */
export function slim(object: CnfConfigurationObject): CnfConfigurationObject {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Whether two states of a resource declare the same; the server counts what users change in `generation`. */
export function isSameDeclaration(a: CnfConfigurationObject, b: CnfConfigurationObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.generation === b.metadata.generation;
}

function itemsOf({ spec }: CnfConfigurationObject): readonly unknown[] {
  return isObject(spec) && Array.isArray(spec.configItems) ? spec.configItems : [];
}

/** How many items the resource has, right or wrong. */
export function itemCount(object: CnfConfigurationObject): number {
  return itemsOf(object).length;
}

/** Whether the resource, right or wrong, is for the agent with this label. */
export function concerns(object: CnfConfigurationObject, label: string): boolean {
  if (isObject(object.spec) && object.spec.microservice === label) return true;
  return itemsOf(object).some((item) => isObject(item) && item.microservice === label);
}
