import type { Condition, MeshStatus } from "./status.ts";

export const conditionTypes = [
  "Ready",
  "Progressing",
  "Degraded",
  "RegistryAvailable",
  "ManagersAvailable",
  "ForwardersAvailable",
  "WebhookAvailable",
  "IdentityAvailable",
  "UpgradeInProgress",
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export interface Finding {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** For what a mesh may not have: a condition that is absent says nothing. */
export type Findings = Partial<Readonly<Record<ConditionType, Finding>>>;

/**
 * The conditions after what was found now; those not in `findings` go. The time of transition is that of a changed
 * status, as the API conventions want it (sig-architecture/api-conventions.md).
 */
export function conditionsAfter(before: MeshStatus, findings: Findings, generation: number, now: string): Condition[] {
  return conditionTypes.flatMap((type) => {
    const finding = findings[type];
    if (!finding) return [];
    const old = before.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === finding.status ? old.lastTransitionTime : now;
    return [{ type, ...finding, lastTransitionTime, observedGeneration: generation }];
  });
}

/** Conditions whose status or reason changed: what events are written of. */
export function transitions(before: MeshStatus, after: MeshStatus): readonly Condition[] {
  return (after.conditions ?? []).filter((condition) => {
    const old = before.conditions?.find((one) => one.type === condition.type);
    return old?.status !== condition.status || old.reason !== condition.reason;
  });
}

/** Whether a status of this condition is bad news. */
export function isWarning(condition: Condition): boolean {
  if (condition.type === "Degraded") return condition.status === "True";
  return (
    condition.type === "Ready" &&
    condition.status === "False" &&
    !["Installing", "Upgrading", "Removing", "Updating"].includes(condition.reason)
  );
}
