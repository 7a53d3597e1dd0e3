import { type CodedError, isCodedError } from "@nsmkit/core";
import type { MeshPort, WantedMesh } from "../mesh/port.ts";
import type { MeshStatus, Nsm } from "../status/status.ts";
import { type VersionStep, versionStep } from "./upgrade.ts";

/** What the mesh shall be. */
export interface Decision {
  readonly wanted: WantedMesh;
  readonly step: VersionStep;
  /** The spec that says so. */
  readonly accepted: NonNullable<MeshStatus["accepted"]>;
  /** Why it is not the newest spec. */
  readonly refusal?: CodedError;
}

/**
 * By the newest spec, or while that is wrong by the one before it: a mesh must not be left alone because of a slip of the
 * pen.
 * @throws what is wrong with the newest spec, when none was accepted before
 */
export function decide(nsm: Nsm, port: MeshPort): Decision {
  const { status = {}, metadata, spec } = nsm;
  const by = (accepted: Decision["accepted"]): Decision => {
    const wanted = port.read({ ...nsm, spec: accepted.spec });
    return { wanted, step: versionStep(status, wanted, accepted.generation, port), accepted };
  };
  try {
    return by({ generation: metadata.generation ?? 0, spec });
  } catch (refusal) {
    if (!isCodedError(refusal) || refusal.retryable || !status.accepted) throw refusal;
    try {
      return { ...by(status.accepted), refusal };
    } catch {
      // A newer operator may know the old spec no more; then what is wrong with the newest one is what helps.
      throw refusal;
    }
  }
}
