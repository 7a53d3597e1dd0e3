import { findDrift, type UnknownObject } from "@nsmkit/kube";
import type { Migration } from "@nsmkit/mesh";
import type { Inventory } from "../inventory/inventory.ts";
import { nameOf } from "../inventory/kinds.ts";
import { fieldManager, isOurs, marked } from "../inventory/ownership.ts";
import type { MeshPhase } from "../mesh/port.ts";
import type { PlanStep } from "../status/status.ts";
import type { Pass } from "./context.ts";
import { immutableChange } from "./immutable.ts";
import { staleOf } from "./prune.ts";
import type { VersionStep } from "./upgrade.ts";

/** What is going to be done, in order, as far as the cluster shows it now. */
export function planOf(
  pass: Pick<Pass, "nsm" | "label">,
  inventory: Pick<Inventory, "peek" | "ofMesh">,
  phases: readonly MeshPhase[],
  step: VersionStep,
  kept: readonly string[],
): readonly PlanStep[] {
  const wanted = new Set([...phases.flatMap((phase) => phase.objects.map(nameOf)), ...kept]);
  const stale = staleOf(inventory, pass.label, wanted);
  const { upgrade, moves } = step;
  const migrations = upgrade?.state === "Running" ? (moves[0]?.migrations ?? []) : [];
  return [
    ...releases(step),
    ...migrations.flatMap(migrationText).map((text) => ({ step: text, state: "Waiting" }) as const),
    ...phases.flatMap((phase) => phaseSteps(pass, inventory, phase)),
    ...(stale.length > 0 ? [{ step: `remove ${stale.map(nameOf).sort().join(", ")}`, state: "Waiting" } as const] : []),
  ];
}

function releases({ upgrade, moves }: VersionStep): readonly PlanStep[] {
  if (!upgrade) return [];
  const { from, to, state } = upgrade;
  if (state !== "Running") return [{ step: `go back from ${to} to ${from}`, state: "Running" }];
  return moves.map((move, i) => ({
    step: `upgrade from ${moves[i - 1]?.to ?? from} to ${move.to}`,
    state: i === 0 ? "Running" : "Waiting",
  }));
}

function migrationText(migration: Migration): string[] {
  switch (migration.kind) {
    case "relax-registry-policies":
      return [`let ${migration.component} take entries of endpoints of older releases`];
    case "release-node-ports":
      return [`release the node ports of Service ${migration.service}`];
    case "delete-webhook-configurations":
      return [`delete webhook configurations ${migration.namePrefix}* that Pods of the older release registered`];
    case "rename-variables":
      return [`pass variables ${migration.from}* of the ${migration.component} as ${migration.to}*`];
  }
}

function phaseSteps(
  pass: Pick<Pass, "nsm" | "label">,
  inventory: Pick<Inventory, "peek">,
  phase: MeshPhase,
): readonly PlanStep[] {
  const made: string[] = [];
  const changed: string[] = [];
  const anew: string[] = [];
  for (const object of phase.objects) {
    const desired = marked(object, pass.nsm, pass.label);
    const live = inventory.peek(desired);
    if (!live) {
      made.push(nameOf(object));
      continue;
    }
    if (!isOurs(live) || findDrift(desired, live, fieldManager) === undefined) continue;
    const fixed = immutableChange(desired, live);
    if (fixed === undefined) changed.push(nameOf(object));
    else anew.push(recreateText(live, fixed));
  }
  const line = (verb: string, names: readonly string[]): string[] =>
    names.length > 0 ? [`${verb} ${names.join(", ")}`] : [];
  return [...line("make", made), ...line("change", changed), ...anew].map((text) => ({
    step: text,
    state: "Waiting",
    phase: phase.name,
  }));
}

/** The same words before and at the deed. */
export const recreateText = (live: UnknownObject, field: string): string =>
  `delete and recreate ${nameOf(live)}: ${field} cannot be changed in place`;

/** The plan while the roll-out waits in a phase: what is before it is done. */
export function planAt(plan: readonly PlanStep[], phases: readonly MeshPhase[], waiting: string): readonly PlanStep[] {
  const order = phases.map((phase) => phase.name);
  const now = order.indexOf(waiting);
  return plan.map((one) => {
    if (one.phase === undefined) return one;
    const at = order.indexOf(one.phase);
    return { ...one, state: at < now ? "Done" : at === now ? "Running" : "Waiting" };
  });
}
