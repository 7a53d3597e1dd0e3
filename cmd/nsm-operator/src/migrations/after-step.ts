import type { Client } from "@nsmkit/kube";
import type { Inventory } from "../inventory/inventory.ts";
import type { Pass } from "../reconcile/context.ts";
import type { VersionStep } from "../reconcile/upgrade.ts";
import { releaseNodePorts } from "./node-ports.ts";
import { removeStaleWebhooks } from "./stale-webhooks.ts";

/**
 * What is done when all objects of a step are in place, and before the step counts as done: each of it finds by itself
 * what is left to do, so that it may begin again after a crash. What concerns the objects themselves is built into them
 * (variables by the release, policies by BuildOptions).
 */
export async function afterStep(
  pass: Pass,
  deps: { client: Client; inventory: Inventory },
  { upgrade, moves }: VersionStep,
  namespaces: ReadonlySet<string>,
): Promise<void> {
  if (upgrade?.state !== "Running") return;
  const migrations = moves[0]?.migrations ?? [];
  const prefixes = migrations.flatMap((one) => (one.kind === "delete-webhook-configurations" ? [one.namePrefix] : []));
  await removeStaleWebhooks(pass, deps.client, prefixes, namespaces);
  for (const one of migrations) {
    if (one.kind === "release-node-ports") await releaseNodePorts(pass, deps, one.service);
  }
}
