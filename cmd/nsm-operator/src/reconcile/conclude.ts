/** What a pass means for the status, and whether an upgrade is given up. Pure: status in, status out. */
import type { CodedError } from "@nsmkit/core";
import type { MeshPhase } from "../mesh/port.ts";
import type { Findings } from "../status/conditions.ts";
import type { ComponentStatus, MeshStatus, Past, UpgradeStatus } from "../status/status.ts";
import { withHistory } from "../status/status.ts";
import type { Change } from "./change.ts";
import type { Decision } from "./decide.ts";
import { findingsOf, findingsOfError, refused } from "./findings.ts";
import { planAt } from "./plan.ts";
import type { RolledOut } from "./roll-out.ts";
import type { VersionStep } from "./upgrade.ts";

/** Now, and how long a part may take. */
export interface Time {
  readonly nowMs: number;
  readonly deadlineMs: number;
}

export interface Concluded {
  readonly status: MeshStatus;
  readonly findings: Findings;
  /** What was added to the history. */
  readonly past: readonly Past[];
}

export const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

export function conclude(
  before: MeshStatus,
  done: {
    readonly phases: readonly MeshPhase[];
    readonly result: RolledOut;
    readonly decision: Decision;
    readonly change: Change;
  },
  time: Time,
): Concluded {
  const { result, phases, decision, change } = done;
  const { wanted, refusal } = decision;
  const installed = before.currentVersion !== undefined;
  const { plan = [], progress: _p, upgrade: _u, targetVersion: _t, change: begun, ...rest } = before;
  const { platform } = wanted;
  const components = componentsAfter(before.components ?? [], result);
  const seen: MeshStatus = { ...rest, components, ...tallies(components), ...(platform && { platform }) };
  let status: MeshStatus;
  let step: VersionStep = decision.step;
  let past: readonly Past[] = [];
  let overdue = false;
  if (result.waiting) {
    const { phase: name, message } = result.waiting;
    const progress = progressOf(before, `${name} of ${step.version}`, message, time);
    overdue = isLate(progress, time);
    const upgrade = overdue ? givenUp(step.upgrade, `${progress.phase}: ${progress.message}`) : step.upgrade;
    const givesUp = upgrade !== step.upgrade;
    step = { ...step, ...(upgrade ? { upgrade, version: givesUp ? upgrade.from : step.version } : {}) };
    status = {
      ...seen,
      phase: upgrade ? "Upgrading" : installed ? "Running" : "Creating",
      plan: planAt(plan, phases, name),
      ...(begun ? { change: begun } : {}),
      ...(upgrade ? { upgrade, targetVersion: upgrade.target } : {}),
      ...(givesUp ? {} : { progress }),
    };
  } else {
    const upgrade: UpgradeStatus | undefined =
      step.upgrade?.state === "RollingBack" ? { ...step.upgrade, state: "RolledBack" } : step.upgrade;
    const left = upgrade?.state === "Running" ? nextOf(upgrade, step) : upgrade;
    past = pastOf(before, step, begun?.startedAt, time);
    status = past.reduce(withHistory, {
      ...seen,
      phase: left?.state === "Running" ? "Upgrading" : "Running",
      currentVersion: step.version,
      applied: change.digest,
      ...(left ? { upgrade: left } : {}),
      ...(left?.state === "Running" ? { targetVersion: left.target } : {}),
    });
    step = { version: step.version, moves: [], ...(left ? { upgrade: left } : {}) };
  }
  const findings = findingsOf(result, phases, step, { installed, overdue });
  const warned = withWarnings(findings, [...wanted.warnings, ...(status.policies ? [status.policies.message] : [])]);
  if (!refusal) return { status, findings: warned, past };
  return { status: { ...status, phase: "Invalid" }, findings: refused(warned, refusal), past };
}

/** What an error that does not pass by itself means: it counts against the time of an upgrade's step too. */
export function concludeFailure(
  before: MeshStatus,
  error: CodedError,
  step: VersionStep | undefined,
  time: Time,
): Concluded {
  const findings = findingsOfError(error, before);
  const phase = before.currentVersion === undefined ? "Invalid" : before.phase;
  const status: MeshStatus = { ...before, ...(phase ? { phase } : {}) };
  if (step?.upgrade?.state !== "Running") return { status, findings, past: [] };
  const progress = progressOf(before, `objects of ${step.version}`, error.message.slice(0, 1024), time);
  const upgrade = isLate(progress, time) ? givenUp(step.upgrade, progress.message) : step.upgrade;
  const { progress: _, ...rest } = status;
  return { status: { ...rest, upgrade, ...(upgrade === step.upgrade ? { progress } : {}) }, findings, past: [] };
}

type Progress = NonNullable<MeshStatus["progress"]>;

/** Since when this very thing is waited for. */
function progressOf({ progress }: MeshStatus, phase: string, message: string, { nowMs }: Time): Progress {
  return { phase, since: progress?.phase === phase ? progress.since : timeText(nowMs), message };
}

const isLate = ({ since }: Progress, { nowMs, deadlineMs }: Time): boolean => nowMs - Date.parse(since) > deadlineMs;

function givenUp(upgrade: UpgradeStatus | undefined, why: string): UpgradeStatus | undefined {
  if (upgrade?.state !== "Running") return upgrade;
  return { ...upgrade, state: "RollingBack", message: `${upgrade.to} did not become available (${why})` };
}

/** The move after this one, with which the next pass begins. */
function nextOf(upgrade: UpgradeStatus, { moves }: VersionStep): UpgradeStatus | undefined {
  const next = moves[1];
  return next && { ...upgrade, from: upgrade.to, to: next.to };
}

/** Changes of the release that ended with this pass. */
function pastOf(
  { currentVersion: current }: MeshStatus,
  { version, upgrade }: VersionStep,
  startedAt: string | undefined,
  { nowMs }: Time,
): readonly Past[] {
  const entry = (result: Past["result"], message: string): readonly Past[] => [
    { ...(startedAt === undefined ? {} : { startedAt }), finishedAt: timeText(nowMs), version, result, message },
  ];
  if (upgrade?.state === "RollingBack") return entry("RolledBack", `rolled back to ${version}: ${upgrade.message}`);
  if (upgrade?.state === "Running") return entry("Completed", `upgraded from ${upgrade.from} to ${version}`);
  if (current === undefined) return entry("Completed", `installed ${version}`);
  return current === version ? [] : entry("Completed", `changed from ${current} to ${version}`);
}

/** A part that this pass did not come to is as it was. */
function componentsAfter(before: readonly ComponentStatus[], result: RolledOut): readonly ComponentStatus[] {
  const key = ({ kind, namespace, name }: ComponentStatus): string => `${kind} ${namespace}/${name}`;
  const reached = new Set(result.components.map(key));
  return [...result.components, ...before.filter((one) => !reached.has(key(one)) && result.wanted.has(key(one)))];
}

/** "ready/desired" of the parts that have a printer column. */
function tallies(components: readonly ComponentStatus[]): Pick<MeshStatus, "registry" | "managers" | "forwarders"> {
  const entries = (["registry", "managers", "forwarders"] as const).flatMap((name) => {
    const parts = components.filter((one) => one.component === name);
    const sum = (of: "ready" | "desired"): number => parts.reduce((all, part) => all + part[of], 0);
    return parts.length > 0 ? [[name, `${sum("ready")}/${sum("desired")}`]] : [];
  });
  return Object.fromEntries(entries) as Pick<MeshStatus, "registry" | "managers" | "forwarders">;
}

function withWarnings(findings: Findings, warnings: readonly string[]): Findings {
  const { Ready: ready } = findings;
  if (!ready || warnings.length === 0) return findings;
  return { ...findings, Ready: { ...ready, message: [ready.message, ...warnings].join("; ") } };
}
