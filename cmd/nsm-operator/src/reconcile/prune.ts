import type { UnknownObject } from "@nsmkit/kube";
import type { Inventory } from "../inventory/inventory.ts";
import { kindOf, nameOf, removalOrder } from "../inventory/kinds.ts";
import type { Pass } from "./context.ts";
import type { Objects } from "./objects.ts";

/** In the order in which objects may go without harm to what is still there. */
export function inRemovalOrder(objects: readonly UnknownObject[]): UnknownObject[] {
  const at = (object: UnknownObject): number => removalOrder.indexOf(kindOf(object).stage);
  return objects.toSorted((a, b) => at(a) - at(b) || nameOf(a).localeCompare(nameOf(b)));
}

/** What carries the mesh's label and is wanted no more. */
export const staleOf = (
  inventory: Pick<Inventory, "ofMesh">,
  label: string,
  wanted: ReadonlySet<string>,
): readonly UnknownObject[] =>
  inventory.ofMesh(label).filter((live) => !wanted.has(nameOf(live)) && !isClaimOf(live, wanted));

/** Removes what carries the mesh's label and is wanted no more. */
export async function prune(
  pass: Pass,
  { objects, inventory }: { objects: Objects; inventory: Inventory },
  wanted: ReadonlySet<string>,
): Promise<void> {
  for (const live of inRemovalOrder(staleOf(inventory, pass.label, wanted))) {
    if (await objects.isUsed(pass, live)) continue;
    if (live.metadata.deletionTimestamp === undefined) await objects.remove(pass, live, "no longer part of the mesh");
  }
}

/** A StatefulSet makes its claims itself, as `<template>-<name>-<ordinal>`, with the labels of the template. */
function isClaimOf({ kind, metadata }: UnknownObject, wanted: ReadonlySet<string>): boolean {
  if (kind !== "PersistentVolumeClaim") return false;
  const [, template] = /^(.+)-\d+$/.exec(metadata.name ?? "") ?? [];
  const prefix = `StatefulSet ${metadata.namespace}/`;
  return [...wanted].some((one) => one.startsWith(prefix) && template?.endsWith(`-${one.slice(prefix.length)}`));
}
