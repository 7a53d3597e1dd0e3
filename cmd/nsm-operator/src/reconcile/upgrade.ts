import type { MeshPort, Move, WantedMesh } from "../mesh/port.ts";
import type { MeshStatus, UpgradeStatus } from "../status/status.ts";

/** Which version is built in this pass, and the state of the change of version, if there is one. */
export interface VersionStep {
  readonly version: string;
  readonly upgrade?: UpgradeStatus;
  /** This move and those after it; when it is being rolled back only this one; none without an upgrade. */
  readonly moves: readonly Move[];
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
  if (current === undefined || !wanted.stepwise) return { version: target, moves: [] };
  if (upgrade && upgrade.generation === generation && upgrade.state !== "Running") {
    const moves =
      upgrade.state === "RollingBack" ? port.plan(upgrade.from, upgrade.to, wanted.provider).slice(0, 1) : [];
    return { version: upgrade.from, upgrade, moves };
  }
  if (current === target) return { version: target, moves: [] };
  const moves = port.plan(current, target, wanted.provider);
  const to = moves[0]?.to ?? target;
  return { version: to, moves, upgrade: { from: current, to, target, state: "Running", generation } };
}
