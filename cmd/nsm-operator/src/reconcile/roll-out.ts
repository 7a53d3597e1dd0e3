import type { UnknownObject } from "@nsmkit/kube";
import { type Health, healthOf } from "../health/workload.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { nameOf } from "../inventory/kinds.ts";
import { type Component, componentOf, type MeshPhase, type ObjectRef } from "../mesh/port.ts";
import type { ComponentStatus } from "../status/status.ts";
import type { Pass } from "./context.ts";
import { sharesHostPort } from "./host-ports.ts";
import type { Objects } from "./objects.ts";

export interface RolledOut {
  /** Where the roll-out stopped because something is not available yet. */
  readonly waiting?: { readonly phase: string; readonly message: string };
  readonly components: readonly ComponentStatus[];
  /** Whether each part of the mesh that was reached is available, with the reason when not. */
  readonly health: ReadonlyMap<Component, Health>;
  /** Something is not as wanted and will not be within this pass. */
  readonly problems: readonly string[];
  /** `kind namespace/name` of all objects that the mesh shall consist of. */
  readonly wanted: ReadonlySet<string>;
}

const withPods = new Set(["Deployment", "DaemonSet", "StatefulSet"]);

/**
 * Applies phases in order. Gated, it goes on only when all of a phase is available, and changes several forwarders one
 * after the other; that is for installs, changes and upgrades. Ungated, it only repairs: one node that is down must not
 * keep a deleted object of a later phase from coming back.
 */
export async function rollOut(
  pass: Pass,
  deps: { objects: Objects; inventory: Inventory },
  phases: readonly MeshPhase[],
  options: { gated: boolean; version: string; imageAdvice?: string | undefined },
): Promise<RolledOut> {
  const components: ComponentStatus[] = [];
  const health = new Map<Component, Health>();
  const problems: string[] = [];
  const wanted = new Set(phases.flatMap((phase) => phase.objects.map(nameOf)));
  const result = { components, health, problems, wanted };
  for (const phase of phases) {
    const component = componentOf(phase.name);
    const missing = unready(phase.needs ?? [], deps.inventory);
    if (missing !== undefined) {
      // A webhook configuration without a backend that answers can stop every Pod of the cluster.
      for (const object of phase.objects) {
        const live = deps.inventory.find(object);
        if (live) await deps.objects.remove(pass, live, `${missing} has no ready Pod`);
      }
      merge(health, component, { available: false, message: `${missing} has no ready Pod` });
      if (options.gated) return { ...result, waiting: { phase: phase.name, message: `${missing} has no ready Pod` } };
      continue;
    }
    await makeRoom(pass, deps, phase, wanted);
    for (const object of phase.objects) {
      const before = deps.inventory.find(object);
      const ensured = await deps.objects.ensure(pass, object);
      const seen: Health =
        ensured.state === "leaving" ? { available: false, message: ensured.message } : healthOf(ensured.live);
      const now = seen.pods && !seen.available ? await explained(pass, deps, object, seen, options.imageAdvice) : seen;
      if (ensured.state === "leaving") problems.push(ensured.message);
      if (now.pods) components.push(describe(component, object, now, options.version));
      if (withPods.has(object.kind) || !now.available) merge(health, component, now, nameOf(object));
      // Forwarders carry the traffic: never two of them in a restart at the same time.
      if (options.gated && before && phase.name === "forwarders" && !now.available) {
        return { ...result, waiting: { phase: phase.name, message: `${nameOf(object)}: ${now.message}` } };
      }
    }
    const state = health.get(component);
    if (options.gated && state?.available === false) {
      return { ...result, waiting: { phase: phase.name, message: state.message ?? "" } };
    }
  }
  return result;
}

/** With what the Pods themselves say; a workload that was only just applied has none yet. */
async function explained(
  pass: Pass,
  { objects }: { objects: Objects },
  workload: UnknownObject,
  health: Health,
  advice: string | undefined,
): Promise<Health> {
  const why = await objects.why(pass, workload, advice);
  return why === undefined ? health : { ...health, message: `${health.message}; ${why}` };
}

function describe(component: Component, object: UnknownObject, health: Health, version: string): ComponentStatus {
  return {
    ...{ component, kind: object.kind, name: object.metadata.name ?? "", namespace: object.metadata.namespace ?? "" },
    ready: health.pods?.ready ?? 0,
    desired: health.pods?.desired ?? 0,
    version: imageVersion(object) ?? version,
    ...(health.message === undefined ? {} : { message: health.message }),
  };
}

/** Tag of the first container's image: what really runs may differ by component. */
function imageVersion(object: UnknownObject): string | undefined {
  const spec = object.spec as { template?: { spec?: { containers?: { image?: string }[] } } } | undefined;
  const image = spec?.template?.spec?.containers?.[0]?.image ?? "";
  return /:([^:/@]+)(@.*)?$/.exec(image)?.[1];
}

function merge(all: Map<Component, Health>, component: Component, health: Health, name?: string): void {
  const before = all.get(component);
  if (before?.available === false) return;
  const message =
    health.message === undefined ? undefined : name === undefined ? health.message : `${name}: ${health.message}`;
  all.set(component, { available: health.available, ...(message === undefined ? {} : { message }) });
}

/** The first of the workloads that has no ready Pod. */
function unready(needs: readonly ObjectRef[], inventory: Inventory): string | undefined {
  for (const { apiVersion, kind, namespace, name } of needs) {
    const metadata = namespace === undefined ? { name } : { name, namespace };
    const live = inventory.find({ apiVersion, kind, metadata });
    const status = live?.status as { availableReplicas?: number; numberAvailable?: number } | undefined;
    if ((status?.availableReplicas ?? status?.numberAvailable ?? 0) < 1) return nameOf({ apiVersion, kind, metadata });
  }
  return undefined;
}

/** Removes workloads that are wanted no more and hold a port of the host that one of this phase needs: it could never start. */
async function makeRoom(
  pass: Pass,
  { objects, inventory }: { objects: Objects; inventory: Inventory },
  phase: MeshPhase,
  wanted: ReadonlySet<string>,
): Promise<void> {
  const coming = phase.objects.filter((object) => withPods.has(object.kind) && !inventory.find(object));
  if (coming.length === 0) return;
  const stale = inventory.ofMesh(pass.label).filter((live) => withPods.has(live.kind) && !wanted.has(nameOf(live)));
  for (const live of stale) {
    const rival = coming.find((object) => sharesHostPort(object, live));
    if (!rival) continue;
    await pass.announce([
      `delete ${nameOf(live)} before ${nameOf(rival)} is made: both need the same port of the host`,
    ]);
    await objects.remove(pass, live, `${nameOf(rival)} needs its port`);
  }
}
