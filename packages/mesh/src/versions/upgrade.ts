/** From one release to another, one supported step at a time. */
import { latestOwnRelease, latestRelease, normaliseVersion, ownReleases, releases } from "./releases.ts";
import { compareReleases, isAtLeast, parseRelease } from "./semver.ts";

/** Something an upgrade does besides applying the new objects. */
export type Migration =
  /** Rewrites variables of the user's that the new release reads under another name. */
  | { readonly kind: "rename-variables"; readonly from: string; readonly to: string; readonly component: string }
  /** Registry policies start to apply; entries of older endpoints are refused while they are on. */
  | { readonly kind: "relax-registry-policies"; readonly component: "registry" | "nsmgr" }
  /** Webhook configurations that older Pods registered themselves stay behind and block Pods. */
  | { readonly kind: "delete-webhook-configurations"; readonly namePrefix: string }
  /** A Service that changes its type keeps node ports unless they are taken from it. */
  | { readonly kind: "release-node-ports"; readonly service: string };

export interface UpgradeStep {
  readonly from: string;
  readonly to: string;
  readonly migrations: readonly Migration[];
}

export type UpgradePlan =
  | { readonly ok: true; readonly steps: readonly UpgradeStep[] }
  | { readonly ok: false; readonly reason: "UnsupportedVersion" | "DowngradeNotSupported"; readonly message: string };

/**
 * The steps from a running release to a wanted one: always over the last patch of each minor between, since upstream
 * tests neighbours only. No steps when both are the same.
 */
export function planUpgrade(
  from: string,
  to: string,
  options: { readonly provider?: "upstream" | "nsmkit" } = {},
): UpgradePlan {
  const table: readonly string[] = options.provider === "nsmkit" ? ownReleases : releases;
  const latest = options.provider === "nsmkit" ? latestOwnRelease : latestRelease;
  const [start, end] = [normaliseVersion(from), normaliseVersion(to)];
  for (const version of [end, start]) {
    if (table.includes(version)) continue;
    return { ok: false, reason: "UnsupportedVersion", message: unsupportedVersion(version, table, latest) };
  }
  if (compareReleases(start, end) > 0) {
    return {
      ok: false,
      reason: "DowngradeNotSupported",
      message: `${start} runs and ${end} is older; write ${start} or a later release, or remove the mesh and install ${end}`,
    };
  }
  const way = table.filter(
    (release, i) =>
      compareReleases(release, start) > 0 &&
      (release === end || (compareReleases(release, end) < 0 && isLastOfMinor(table, i) && !sameMinor(release, end))),
  );
  return {
    ok: true,
    steps: way
      .filter((release) => !sameMinor(release, start) || release === end)
      .map((release, i, steps) => {
        const before = i === 0 ? start : (steps[i - 1] ?? start);
        return { from: before, to: release, migrations: migrations(before, release, options.provider ?? "upstream") };
      }),
  };
}

/** Why a version cannot be had, and the nearest that can. */
export function unsupportedVersion(version: string, table: readonly string[], latest: string): string {
  const asked = parseRelease(version);
  const near = asked
    ? table.filter((release) => {
        const r = parseRelease(release);
        return r?.major === asked.major && r.minor === asked.minor;
      })
    : [];
  const others = table.length > 1 ? ` or another of ${table[0]} to ${latest}` : "";
  const instead = near.length > 0 ? near.join(" or ") : `${latest}${others}`;
  return `${version} is not a release that this operator knows; write ${instead}`;
}

function migrations(from: string, to: string, provider: "upstream" | "nsmkit"): Migration[] {
  if (provider === "nsmkit") return [];
  const crosses = (release: string): boolean => !isAtLeast(from, release) && isAtLeast(to, release);
  const result: Migration[] = [];
  if (crosses("v1.7.0")) {
    result.push(
      { kind: "rename-variables", component: "registry", from: "REGISTRY_K8S_", to: "NSM_" },
      { kind: "relax-registry-policies", component: "registry" },
      { kind: "relax-registry-policies", component: "nsmgr" },
    );
  }
  if (crosses("v1.10.0")) result.push({ kind: "release-node-ports", service: "registry" });
  if (crosses("v1.12.0")) result.push({ kind: "delete-webhook-configurations", namePrefix: "admission-webhook-k8s-" });
  if (crosses("v1.13.1")) {
    result.push({ kind: "rename-variables", component: "registry", from: "REGISTRY_MEMORY_", to: "NSM_" });
  }
  return result;
}

function sameMinor(a: string, b: string): boolean {
  const [x, y] = [parseRelease(a), parseRelease(b)];
  return x?.major === y?.major && x?.minor === y?.minor;
}

function isLastOfMinor(table: readonly string[], i: number): boolean {
  const next = table[i + 1];
  return next === undefined || !sameMinor(table[i] ?? "", next);
}
