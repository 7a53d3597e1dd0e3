import { type CnfConfigurationStatus, type Condition, conditionOf } from "@nsmkit/agent/cnf-configuration";
import type { EventText } from "@nsmkit/kube";

/** What people should look at. That something waits or is not reported yet is ordinary life. */
const bad = new Set([
  "Invalid",
  "Conflict",
  "EtcdUnavailable",
  "EtcdOutOfSpace",
  "EtcdRefused",
  "ItemsFailed",
  "ItemsInvalid",
]);

const isBad = (condition: Condition | undefined): boolean =>
  condition !== undefined && condition.status === "False" && bad.has(condition.reason);

/** Events of a changed status: trouble that is new, and that it is over. A resource that simply works makes none. */
export function eventsOf(before: CnfConfigurationStatus | undefined, after: CnfConfigurationStatus): EventText[] {
  const told = new Set<string>();
  const events: EventText[] = [];
  for (const type of ["Accepted", "Stored", "Ready"] as const) {
    const [was, is] = [conditionOf(before, type), conditionOf(after, type)];
    if (!is || !isBad(is) || (was?.reason === is.reason && was.message === is.message) || told.has(is.reason)) continue;
    told.add(is.reason);
    events.push({ type: "Warning", reason: is.reason, action: "Reconcile", note: is.message });
  }
  const ready = conditionOf(after, "Ready");
  const hadTrouble = (["Accepted", "Stored", "Ready"] as const).some((type) => isBad(conditionOf(before, type)));
  if (ready?.status === "True" && hadTrouble)
    events.push({ type: "Normal", reason: ready.reason, action: "Reconcile", note: ready.message });
  return events;
}
