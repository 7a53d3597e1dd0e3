/**
 * From v1.7.0 on registries and managers have policies that refuse entries of endpoints of older releases
 * (deployments-k8s#8187). An upgrade over that release goes with policies that allow them, until the first change of the
 * mesh that finds no such entry any more: ending it earlier would restart registry and managers for nothing else.
 */
import { isCodedError } from "@nsmkit/core";
import type { Client, Resource, UnknownObject } from "@nsmkit/kube";
import type { Pass } from "../reconcile/context.ts";
import type { Decision } from "../reconcile/decide.ts";
import type { MeshStatus } from "../status/status.ts";

const endpoints: Resource = {
  group: "networkservicemesh.io",
  version: "v1",
  kind: "NetworkServiceEndpoint",
  plural: "networkserviceendpoints",
  namespaced: true,
};

/** What the policies shall be for a change that is about to begin. */
export async function policiesFor(
  pass: Pick<Pass, "nsm" | "signal">,
  { client, now }: { client: Pick<Client, "list">; now: string },
  { wanted, step }: Decision,
): Promise<MeshStatus["policies"]> {
  const before = pass.nsm.status?.policies;
  const moving = step.upgrade?.state;
  const crosses = step.moves[0]?.migrations.some((one) => one.kind === "relax-registry-policies") ?? false;
  if (crosses && moving === "Running") return { state: "Relaxed", since: before?.since ?? now, message: text() };
  if (crosses && moving === "RollingBack") return undefined;
  if (!before || moving === "RollingBack") return before;
  // A registry that keeps them in its memory cannot be asked: the way of one upgrade is given to its endpoints.
  if (!wanted.storesEndpoints) return step.upgrade ? before : undefined;
  const old = await olderEndpoints(client, pass.signal);
  return old === 0 ? undefined : { ...before, message: text(old) };
}

const text = (old?: number): string =>
  `registry and managers take entries of endpoints of releases before v1.7.0${old === undefined ? "" : ` (${old} are left)`}; the first change of this resource after they are gone ends that`;

/** Registries of v1.7.0 and later write down whose an entry is, in path_ids. */
async function olderEndpoints(client: Pick<Client, "list">, signal: AbortSignal): Promise<number> {
  try {
    const { items } = await client.list<UnknownObject>(endpoints, { signal });
    return items.filter((item) => {
      const { path_ids: ids } = (item.spec ?? {}) as { path_ids?: unknown };
      return !Array.isArray(ids) || ids.length === 0;
    }).length;
  } catch (error) {
    // No definition, no endpoints.
    if (isCodedError(error, "NOT_FOUND")) return 0;
    throw error;
  }
}
