import { createHash } from "node:crypto";
import type { BuildOptions, MeshPhase } from "../mesh/port.ts";
import type { MeshStatus } from "../status/status.ts";
import type { Decision } from "./decide.ts";

/** What is built in this pass, decided down to the last choice. */
export interface Change {
  readonly options: BuildOptions;
  /** Of all objects, the certificates apart. */
  readonly digest: string;
  /** Whether the mesh is not yet as this wants it, so that it goes from part to part. */
  readonly gated: boolean;
  /** Whether nothing of it has been begun. */
  readonly starting: boolean;
}

/** @param relaxed whether registry and managers take entries of older endpoints */
export function changeOf(before: MeshStatus, { wanted, step }: Decision, relaxed: boolean): Change {
  const identityRelease = wanted.identityRelease?.(step.version, before.identityRelease);
  const options: BuildOptions = {
    ...(identityRelease === undefined ? {} : { identityRelease }),
    ...(relaxed ? { relaxRegistryPolicies: true } : {}),
  };
  const digest = digestOf(wanted.build(step.version, new Map(), options));
  const moving = step.upgrade?.state === "Running" || step.upgrade?.state === "RollingBack";
  // What was begun and taken back goes back part by part as well.
  const gated = before.applied !== digest || moving || before.change !== undefined;
  return { options, digest, gated, starting: gated && before.change?.digest !== digest };
}

function digestOf(phases: readonly MeshPhase[]): string {
  return createHash("sha256").update(JSON.stringify(phases)).digest("hex").slice(0, 16);
}

/** Kinds and namespaces of the objects, and of the claims that a StatefulSet makes: where a removal must look. */
export const placesOf = (phases: readonly MeshPhase[]): string[] =>
  phases.flatMap((phase) =>
    phase.objects.flatMap(({ kind, metadata: { namespace } }) => {
      if (!namespace) return [];
      const own = `${kind} ${namespace}`;
      return kind === "StatefulSet" ? [own, `PersistentVolumeClaim ${namespace}`] : [own];
    }),
  );
