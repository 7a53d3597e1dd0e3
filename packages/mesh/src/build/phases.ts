import { refOf } from "./object.ts";
import type { Gate, MeshObject, ObjectRef, Phase, PhaseName } from "./phase.ts";

type GateOf = (objects: readonly MeshObject[]) => Gate;

export const applied: GateOf = () => ({ kind: "applied" });

export const established: GateOf = (objects) => ({
  kind: "established",
  names: objects.map(({ metadata }) => metadata.name ?? ""),
});

const workloads: ReadonlySet<string> = new Set(["Deployment", "DaemonSet", "StatefulSet"]);
export const ready: GateOf = (objects) => ({
  kind: "ready",
  workloads: objects.filter(({ kind }) => workloads.has(kind)).map(refOf),
});

export const phase = (
  name: PhaseName,
  gate: GateOf,
  objects: readonly MeshObject[],
  needs: readonly ObjectRef[] = [],
): Phase => ({ name, objects, gate: gate(objects), ...(needs.length > 0 && { needs }) });
