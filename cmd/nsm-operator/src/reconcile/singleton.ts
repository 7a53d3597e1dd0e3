import type { Nsm } from "../status/status.ts";
import { hasFinalizer } from "../status/status.ts";

/**
 * The NSM resource that has the cluster: the one that was installed, else the oldest. Its objects have fixed names that
 * upstream's programs know, so that there cannot be two.
 */
export function holderOf(all: readonly Nsm[]): Nsm | undefined {
  return all.toSorted(
    (a, b) =>
      Number(hasFinalizer(b)) - Number(hasFinalizer(a)) ||
      (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? "") ||
      (a.metadata.uid ?? "").localeCompare(b.metadata.uid ?? ""),
  )[0];
}
