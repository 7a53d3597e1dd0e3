import type { MeshPort, WantedMesh } from "../mesh/port.ts";
import type { MeshStatus, Past, UpgradeStatus } from "../status/status.ts";

/** Which version is built in this pass, and the state of the change of version, if there is one. */
export interface VersionStep {
  readonly version: string;
  readonly upgrade?: UpgradeStatus;
}

/**
 * The next step from what runs to what is wanted. Everything it needs stands in the status, so that it comes to the same
 * answer in whatever process it runs.
 * @throws UNSUPPORTED when there is no way from here to there
 */
export function versionStep(
  status: MeshStatus,
  wanted: WantedMesh,
  generation: number,
  port: Pick<MeshPort, "plan">,
): VersionStep {
  const { currentVersion: current, upgrade } = status;
  const target = wanted.version;
  if (current === undefined || !wanted.stepwise) return { version: target };
  if (upgrade && upgrade.generation === generation && upgrade.state !== "Running")
    return { version: upgrade.from, upgrade };
  if (current === target) return { version: target };
  const [next = target] = port.plan(current, target, wanted.provider);
  return { version: next, upgrade: { from: current, to: next, target, state: "Running", generation } };
}

/** What becomes of the step when all of it is in place. */
export function stepDone(
  status: MeshStatus,
  step: VersionStep,
): { status: MeshStatus; past?: Pick<Past, "result" | "message"> } {
  const { upgrade, version } = step;
  const { upgrade: _old, targetVersion: _target, ...before } = status;
  const rest = { ...before, currentVersion: version };
  if (upgrade?.state === "RollingBack") {
    const done: UpgradeStatus = { ...upgrade, state: "RolledBack" };
    const message = `rolled back to ${version}: ${upgrade.message}`;
    return { status: { ...rest, upgrade: done }, past: { result: "RolledBack", message } };
  }
  if (upgrade?.state === "RolledBack") return { status: { ...rest, upgrade } };
  const completed = (message: string): { status: MeshStatus; past: Pick<Past, "result" | "message"> } => ({
    status: rest,
    past: { result: "Completed", message },
  });
  if (upgrade) return completed(`upgraded from ${upgrade.from} to ${version}`);
  return status.currentVersion === undefined ? completed(`installed ${version}`) : { status: rest };
}
