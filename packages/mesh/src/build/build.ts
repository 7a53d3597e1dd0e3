import type { MeshSpec } from "../spec/mesh-spec.ts";
import { legacyParts } from "./legacy/parts.ts";
import { modernParts } from "./modern/parts.ts";
import type { BuildOptions, Mesh } from "./phase.ts";

/** All Kubernetes objects of a mesh, in the order in which they are applied. The same input gives the same output. */
export function buildMesh(spec: MeshSpec, options: BuildOptions = {}): Mesh {
  return spec.provider === "legacy" ? legacyParts(spec, options) : modernParts(spec, options);
}
