import type { MeshPort, WantedMesh } from "../mesh/port.ts";
import type { MeshStatus, UpgradeStatus } from "../status/status.ts";

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
  const { version: current, upgrade } = status;
  const target = wanted.version;
  if (current === undefined || !wanted.stepwise) return { version: target };
  if (upgrade && upgrade.generation === generation && upgrade.state !== "Running")
    return { version: upgrade.from, upgrade };
  if (current === target) return { version: target };
  const [next = target] = port.plan(current, target, wanted.provider);
  return { version: next, upgrade: { from: current, to: next, target, state: "Running", generation } };
}

/** What becomes of the step when all of it is in place. */
export function stepDone(status: MeshStatus, step: VersionStep): { status: MeshStatus; what?: string } {
  const { upgrade, version } = step;
  const { upgrade: _old, ...rest } = status;
  if (upgrade?.state === "RollingBack") {
    const done: UpgradeStatus = { ...upgrade, state: "RolledBack" };
    return { status: { ...rest, version, upgrade: done }, what: `rolled back to ${version}: ${upgrade.message}` };
  }
  if (upgrade?.state === "RolledBack") return { status: { ...rest, version, upgrade } };
  if (upgrade) return { status: { ...rest, version }, what: `upgraded from ${upgrade.from} to ${version}` };
  if (status.version === undefined) return { status: { ...rest, version }, what: `installed ${version}` };
  return { status: { ...rest, version } };
}
