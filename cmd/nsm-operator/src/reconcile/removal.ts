import { isCodedError } from "@nsmkit/core";
import type { UnknownObject } from "@nsmkit/kube";
import type { Inventory } from "../inventory/inventory.ts";
import { kinds, nameOf, removalOrder } from "../inventory/kinds.ts";
import { isOurs } from "../inventory/ownership.ts";
import type { Pass } from "./context.ts";
import type { Objects } from "./objects.ts";

/**
 * Removes all of a mesh, webhook configurations first. It asks the API server and not the cache what is left, and keeps no
 * notes: after a crash the next process starts at the first stage and finds it empty.
 * @returns what is still on its way out; empty when nothing is left
 */
export async function removeAll(
  pass: Pass,
  { objects, inventory }: { objects: Objects; inventory: Inventory },
): Promise<readonly string[]> {
  for (const stage of removalOrder) {
    const left: string[] = [];
    for (const kind of kinds.filter((one) => one.stage === stage)) {
      for (const object of await existing(inventory, kind, pass)) {
        if (await objects.isUsed(pass, object)) continue;
        if (object.metadata.deletionTimestamp === undefined) await objects.remove(pass, object, "the mesh is removed");
        if ((object.metadata.finalizers ?? []).length > 0 || kind.kind === "Namespace") left.push(nameOf(object));
      }
    }
    // The next stage would take away what these still need to end.
    if (left.length > 0) return left;
  }
  return [];
}

async function existing(
  inventory: Inventory,
  kind: (typeof kinds)[number],
  { label, signal }: Pass,
): Promise<readonly UnknownObject[]> {
  try {
    return (await inventory.listNow(kind, label, { signal })).filter(isOurs);
  } catch (error) {
    // A custom kind whose definition is gone, or was never there.
    if (isCodedError(error, "NOT_FOUND")) return [];
    throw error;
  }
}
