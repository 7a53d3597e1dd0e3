import type { KubeObject, UnknownObject } from "@nsmkit/kube";
import { finalizer } from "../mesh/marks.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}

export interface ComponentStatus {
  /** Of the mesh: "registry". */
  readonly component: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly ready: number;
  readonly desired: number;
  readonly version: string;
  readonly message?: string;
}

/** A change of version, kept here so that another process can go on with it. */
export interface UpgradeStatus {
  readonly from: string;
  /** The step that is being done. */
  readonly to: string;
  readonly target: string;
  readonly state: "Running" | "RollingBack" | "RolledBack";
  /** Generation of the resource that asked for it: a rolled back upgrade is not tried again until that changes. */
  readonly generation: number;
  readonly message?: string;
}

/** A release that was installed, or was to be. */
export interface Past {
  /** Absent in entries of older operators. */
  readonly startedAt?: string;
  readonly finishedAt: string;
  /** That ran then. */
  readonly version: string;
  /** Failed: given up for another wish before it was in place. */
  readonly result: "Completed" | "RolledBack" | "Failed";
  readonly message: string;
}

/** Something that is going to be done. */
export interface PlanStep {
  readonly step: string;
  readonly state: "Waiting" | "Running" | "Done";
  /** Of the roll-out; absent for what is not done in one of its phases. */
  readonly phase?: string;
}

/** What the mesh is built for, and where each of it comes from. */
export interface PlatformStatus {
  readonly kind: string;
  readonly kubeletRoot: string;
  readonly ipFamily: string;
  readonly excludedPrefixes: readonly string[];
  readonly sources: Readonly<Record<string, string>>;
}

export interface MeshStatus {
  readonly observedGeneration?: number;
  readonly phase?: "Pending" | "Creating" | "Running" | "Upgrading" | "Terminating" | "Invalid";
  /** Of the mesh that runs; during an upgrade the one it comes from. */
  readonly currentVersion?: string;
  /** The one that is wanted, while it is another. */
  readonly targetVersion?: string;
  /** Digest of the objects that were once all in place: while it is the wanted one, drift is repaired without gates. */
  readonly applied?: string;
  readonly conditions?: readonly Condition[];
  readonly components?: readonly ComponentStatus[];
  /** "1/1", for the printer columns. */
  readonly registry?: string;
  readonly managers?: string;
  readonly forwarders?: string;
  /** Of the change that is under way, in order; written before the first of it is done. */
  readonly plan?: readonly PlanStep[];
  /** The change that is under way: what is to be in place, and since when. */
  readonly change?: { readonly digest: string; readonly startedAt: string };
  /** The newest spec that could be carried out: the mesh is kept by it while a later one is wrong. */
  readonly accepted?: { readonly generation: number; readonly spec: unknown };
  /** Present while registry and managers take entries of endpoints that their release's policies would refuse. */
  readonly policies?: { readonly state: "Relaxed"; readonly since: string; readonly message: string };
  /** Newest first. */
  readonly history?: readonly Past[];
  readonly upgrade?: UpgradeStatus;
  /** What the roll-out waits for. */
  readonly progress?: { readonly phase: string; readonly since: string; readonly message: string };
  readonly platform?: PlatformStatus;
  /** Release of upstream whose SPIRE was applied last. */
  readonly identityRelease?: string;
  /** Where objects of the mesh are, as "Role kube-system": a removal must look there too. */
  readonly places?: readonly string[];
}

export interface Nsm extends UnknownObject {
  readonly spec?: unknown;
  readonly status?: MeshStatus;
}

export const nsms = {
  group: "nsm.networkservicemesh.io",
  version: "v1alpha1",
  kind: "NSM",
  plural: "nsms",
  namespaced: true,
  example: undefined as Nsm | undefined,
} as const;

export const hasFinalizer = (object: KubeObject): boolean => (object.metadata.finalizers ?? []).includes(finalizer);

const keptHistory = 10;

export function withHistory(status: MeshStatus, past: Past): MeshStatus {
  return { ...status, history: [past, ...(status.history ?? [])].slice(0, keptHistory) };
}

type Json = { readonly [key: string]: unknown };
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** The JSON merge patch (RFC 7386) that makes `before` into `after`; undefined when they are the same. */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (!isMap(before) || !isMap(after)) return JSON.stringify(before) === JSON.stringify(after) ? undefined : after;
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (after[key] === undefined) {
      if (before[key] !== undefined) patch[key] = null;
      continue;
    }
    const part =
      sorted(before[key]) === sorted(after[key]) ? undefined : (mergePatchOf(before[key], after[key]) ?? after[key]);
    if (part !== undefined) patch[key] = part;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** JSON with the keys in order: the API server gives them back in its own. */
function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, part: unknown) =>
    isMap(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
