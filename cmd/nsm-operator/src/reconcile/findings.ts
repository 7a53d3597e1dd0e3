import { CodedError, messageOf } from "@nsmkit/core";
import type { Component, MeshPhase } from "../mesh/port.ts";
import { componentOf } from "../mesh/port.ts";
import type { ConditionType, Finding, Findings } from "../status/conditions.ts";
import type { MeshStatus } from "../status/status.ts";
import type { RolledOut } from "./roll-out.ts";
import type { VersionStep } from "./upgrade.ts";

const conditionOf: Partial<Readonly<Record<Component, ConditionType>>> = {
  registry: "RegistryAvailable",
  managers: "ManagersAvailable",
  forwarders: "ForwardersAvailable",
  webhook: "WebhookAvailable",
  identity: "IdentityAvailable",
};

/** What a finished or waiting roll-out means, as conditions. */
export function findingsOf(
  result: RolledOut,
  phases: readonly MeshPhase[],
  step: VersionStep,
  more: { readonly installed: boolean; readonly overdue: boolean },
): Findings {
  const { waiting, problems } = result;
  const unavailable = [...result.health].filter(([, health]) => !health.available);
  const settled = !waiting && unavailable.length === 0 && problems.length === 0;
  const why = waiting?.message ?? unavailable[0]?.[1].message ?? problems[0] ?? "";
  const doing = step.upgrade?.state === "Running" ? "Upgrading" : more.installed ? "Updating" : "Installing";
  const failing = waiting ? more.overdue : !settled;
  return {
    Ready: settled
      ? { status: "True", reason: "Available", message: "all parts of the mesh are available" }
      : { status: "False", reason: waiting && !failing ? doing : "ComponentsUnavailable", message: why },
    Progressing: waiting
      ? {
          status: "True",
          reason: more.overdue ? "ProgressDeadlineExceeded" : doing,
          message: `waiting for ${waiting.phase}: ${why}`,
        }
      : step.upgrade?.state === "Running"
        ? { status: "True", reason: "Upgrading", message: `${step.upgrade.to} is next` }
        : { status: "False", reason: "Settled", message: "nothing is being changed" },
    Degraded: degraded(step, failing ? why : undefined, more.overdue),
    UpgradeInProgress: upgrading(step),
    ...availability(result, phases),
  };
}

function availability(result: RolledOut, phases: readonly MeshPhase[]): Findings {
  const findings: Partial<Record<ConditionType, Finding>> = {};
  for (const component of new Set(phases.filter((p) => p.objects.length > 0).map((p) => componentOf(p.name)))) {
    const type = conditionOf[component];
    if (!type) continue;
    const health = result.health.get(component);
    findings[type] = !health
      ? result.waiting
        ? { status: "Unknown", reason: "Waiting", message: `comes after ${result.waiting.phase}` }
        : { status: "True", reason: "Applied", message: "has no Pods of its own" }
      : health.available
        ? { status: "True", reason: "Available", message: "available" }
        : { status: "False", reason: "Unavailable", message: health.message ?? "not available" };
  }
  return findings;
}

function degraded({ upgrade }: VersionStep, why: string | undefined, overdue: boolean): Finding {
  if (upgrade && upgrade.state !== "Running") {
    return {
      status: "True",
      reason: upgrade.state === "RolledBack" ? "UpgradeRolledBack" : "UpgradeFailed",
      message: `${upgrade.message}; the mesh is kept at ${upgrade.from}. Change the NSM resource to try again`,
    };
  }
  if (why === undefined) return { status: "False", reason: "AsExpected", message: "nothing is wrong" };
  return { status: "True", reason: overdue ? "ProgressDeadlineExceeded" : "ComponentsUnavailable", message: why };
}

function upgrading({ upgrade }: VersionStep): Finding {
  if (!upgrade || upgrade.state === "RolledBack") {
    return {
      status: "False",
      reason: upgrade ? "RolledBack" : "NoUpgrade",
      message: "the version is not being changed",
    };
  }
  const { from, to, target, state } = upgrade;
  const way = to === target ? "" : ` on the way to ${target}`;
  return state === "Running"
    ? { status: "True", reason: "Upgrading", message: `from ${from} to ${to}${way}` }
    : { status: "True", reason: "RollingBack", message: `from ${to} back to ${from}: ${upgrade.message}` };
}

const reasons: Readonly<Record<string, string>> = {
  INVALID_CONFIG: "InvalidSpec",
  UNSUPPORTED: "UnsupportedVersion",
  FAILED_PRECONDITION: "ObjectNotOurs",
  PERMISSION_DENIED: "Forbidden",
};

function findingOf(error: unknown, reason?: string): { readonly reason: string; readonly message: string } {
  const code = error instanceof CodedError ? error.code : "INTERNAL";
  return { reason: reason ?? reasons[code] ?? "ReconcileFailed", message: messageOf(error).slice(0, 4096) };
}

/** What an error that will not pass by itself means. Conditions of parts that nobody looked at stay as they were. */
export function findingsOfError(error: unknown, before: MeshStatus, reason?: string): Findings {
  const finding = findingOf(error, reason);
  const kept = Object.fromEntries(
    (before.conditions ?? []).map(({ type, status, reason, message }) => [type, { status, reason, message }]),
  ) as Findings;
  return {
    ...kept,
    Ready: { status: "False", ...finding },
    Progressing: { status: "False", ...finding },
    Degraded: { status: "True", ...finding },
  };
}

/** The newest spec is wrong and the mesh is kept by the one before it, of which `findings` are. */
export function refused(findings: Findings, refusal: CodedError): Findings {
  const { reason, message } = findingOf(refusal);
  const finding = { reason, message: `${message} (the mesh is kept as the spec before says)` };
  return {
    ...findings,
    Ready: { status: "False", ...finding },
    Degraded: { status: "True", ...finding },
  };
}
