import { CodedError, isCodedError } from "@nsmkit/core";
import { type Client, findDrift, type Resource, type UnknownObject } from "@nsmkit/kube";
import { troubleOf } from "../health/pods.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { kindOf, nameOf } from "../inventory/kinds.ts";
import {
  adoptAnnotation,
  fieldManager,
  isOurs,
  isSelfMade,
  isSelfMadeBy,
  marked,
  meshOf,
  ownerAnnotation,
  slim,
} from "../inventory/ownership.ts";
import { removalAnnotation } from "../mesh/marks.ts";
import { nsms } from "../status/status.ts";
import type { Deed, Pass } from "./context.ts";
import { immutableChange } from "./immutable.ts";
import { recreateText } from "./plan.ts";

/** What came of an object: live as wanted, somebody else's and used as it is, or on its way out. */
export type Ensured =
  | { readonly state: "ours"; readonly live: UnknownObject; readonly deed?: Deed }
  | { readonly state: "shared"; readonly live: UnknownObject }
  | { readonly state: "leaving"; readonly message: string };

/** Brings single objects to their wanted state, with a request only where something differs. */
export class Objects {
  readonly #client: Client;
  readonly #inventory: Inventory;

  constructor(options: { client: Client; inventory: Inventory }) {
    this.#client = options.client;
    this.#inventory = options.inventory;
  }

  /** @throws FAILED_PRECONDITION for an object of somebody else under a name that we need */
  async ensure(pass: Pass, object: UnknownObject): Promise<Ensured> {
    const desired = marked(object, pass.nsm, pass.label);
    const { signal } = pass;
    await this.#inventory.cover(desired, { signal });
    const live = this.#inventory.find(desired) ?? (await this.#unlabelled(pass, desired));
    if (!live && isSelfMade(desired)) return { state: "shared", live: desired };
    if (live && !isOurs(live) && !isSelfMadeBy(desired, live)) return { state: "shared", live };
    const other = live && meshOf(live);
    if (live && other !== undefined && other !== pass.label) await this.#refuseIfAlive(live, signal);
    if (live?.metadata.deletionTimestamp !== undefined) {
      return { state: "leaving", message: `${nameOf(live)} is being deleted; it is made again when it is gone` };
    }
    const drift = live ? findDrift(desired, live, fieldManager) : "";
    if (live && drift === undefined) return { state: "ours", live };
    const fixed = live && immutableChange(desired, live);
    if (live && fixed) return this.#recreate(pass, desired, live, fixed);
    try {
      const applied = await this.#apply(desired, signal);
      const deed = live
        ? { verb: "updated" as const, object: applied, because: drift ?? "" }
        : { verb: "created" as const, object: applied, because: "missing" };
      return this.#done(pass, applied, deed);
    } catch (error) {
      // A field that the table of immutable ones lacks.
      if (live && isCodedError(error, "INVALID_CONFIG") && /immutable/i.test(error.message)) {
        return this.#recreate(pass, desired, live, drift ?? "");
      }
      throw error;
    }
  }

  /** What is known of a workload that is not available, as a clause for people. */
  async why(pass: Pass, workload: UnknownObject, advice: string | undefined): Promise<string | undefined> {
    const trouble = await troubleOf(this.#client, workload, pass);
    if (!trouble) return undefined;
    return trouble.image && advice !== undefined ? `${trouble.message}; ${advice}` : trouble.message;
  }

  /** Deletes an object of ours. One that changed hands under the same name stays. */
  async remove(pass: Pass, object: UnknownObject, because: string): Promise<void> {
    const { uid } = object.metadata;
    const there = await this.#client.delete(kindOf(object), named(object), {
      ...(uid === undefined ? {} : { uid }),
      signal: pass.signal,
    });
    this.#inventory.forget(object);
    if (!there) return;
    pass.did({ verb: "removed", object, because });
    pass.logger.info("object removed", { object: nameOf(object), because });
  }

  /** Whether a definition that holds what users wrote must stay. It is told, not waited for. */
  async isUsed(pass: Pass, object: UnknownObject): Promise<boolean> {
    if (object.metadata.annotations?.[removalAnnotation] !== "when-unused") return false;
    const resource = definedBy(object);
    if (!resource) return false;
    try {
      const { items } = await this.#client.list(resource, { signal: pass.signal });
      if (items.length === 0) return false;
      pass.logger.info("definition kept, it is in use", { definition: nameOf(object), resources: items.length });
      return true;
    } catch (error) {
      // Not served: nobody can have written any.
      if (isCodedError(error, "NOT_FOUND")) return false;
      throw error;
    }
  }

  async #recreate(pass: Pass, desired: UnknownObject, live: UnknownObject, field: string): Promise<Ensured> {
    await pass.announce([recreateText(live, field)]);
    await this.remove(pass, live, `${field} cannot be changed in place`);
    const left = await this.#client.find(kindOf(desired), named(desired), { signal: pass.signal });
    if (left)
      return { state: "leaving", message: `${nameOf(live)} is being deleted; it is made again when it is gone` };
    const applied = await this.#apply(desired, pass.signal);
    return this.#done(pass, applied, { verb: "recreated", object: applied, because: field });
  }

  #done(pass: Pass, live: UnknownObject, deed: Deed): Ensured {
    pass.did(deed);
    pass.logger.info(`object ${deed.verb}`, { object: nameOf(live), because: deed.because });
    return { state: "ours", live, deed };
  }

  async #apply(desired: UnknownObject, signal: AbortSignal): Promise<UnknownObject> {
    const applied = slim(await this.#client.apply(kindOf(desired), desired, { fieldManager, signal }));
    this.#inventory.learn(applied);
    return applied;
  }

  /** An object under that name without our labels, or one that the cache does not show yet. */
  async #unlabelled(pass: Pass, desired: UnknownObject): Promise<UnknownObject | undefined> {
    const kind = kindOf(desired);
    const found = await this.#client.find(kind, named(desired), { signal: pass.signal });
    if (!found) return undefined;
    if (!isOurs(found) && !isSelfMadeBy(desired, found)) {
      if (kind.shared) return found;
      throw new CodedError(
        "FAILED_PRECONDITION",
        `${nameOf(found)} exists and was not made by this operator; delete or rename it, or give it to the mesh with the annotation ${adoptAnnotation}: "true"`,
      );
    }
    return slim(found);
  }

  /** Throws when the mesh that has this object still exists. */
  async #refuseIfAlive(found: UnknownObject, signal: AbortSignal): Promise<void> {
    const [namespace, name] = (found.metadata.annotations?.[ownerAnnotation] ?? "").split("/");
    if (!namespace || !name) return;
    if (!(await this.#client.find(nsms, { namespace, name }, { signal }))) return;
    throw new CodedError(
      "FAILED_PRECONDITION",
      `${nameOf(found)} belongs to the mesh of NSM ${namespace}/${name}; a cluster has one mesh: delete one of the two NSM resources`,
    );
  }
}

/** What a CustomResourceDefinition defines, in its stored version. */
function definedBy({ kind, spec }: UnknownObject): Resource | undefined {
  if (kind !== "CustomResourceDefinition") return undefined;
  const { group, scope, names, versions } = spec as {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
  const version = versions.find((one) => one.served)?.name;
  const namespaced = scope === "Namespaced";
  return version === undefined ? undefined : { group, version, ...names, namespaced };
}

const named = (object: UnknownObject): { name: string; namespace?: string } => {
  const { name = "", namespace } = object.metadata;
  return namespace === undefined ? { name } : { name, namespace };
};
