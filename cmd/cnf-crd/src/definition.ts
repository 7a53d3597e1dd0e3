import { cnfConfigurationDefinition, cnfConfigurationDefinitionName } from "@nsmkit/agent/cnf-configuration";
import { type Clock, isCodedError, type Logger, messageOf } from "@nsmkit/core";
import { type Client, findDrift, type Resource, type UnknownObject } from "@nsmkit/kube";
import { fieldManager } from "./names.ts";

export const definitions: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

type Call = { readonly clock: Clock; readonly signal: AbortSignal };

/**
 * Brings the definition of CNFConfiguration to what this version wants, whoever made it: stored resources are not
 * touched, as nothing that they may hold was taken from the schema.
 */
export async function installDefinition(
  client: Client,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<void> {
  const wanted = cnfConfigurationDefinition as unknown as UnknownObject;
  const live = await client.find<UnknownObject>(definitions, { name: cnfConfigurationDefinitionName }, { signal });
  if (live && findDrift(wanted, live, fieldManager) === undefined) return;
  await client.apply<UnknownObject>(definitions, wanted, { fieldManager, signal });
  logger.info("definition applied", { definition: cnfConfigurationDefinitionName });
}

const lookMs = 500;

/** Waits until CNFConfigurations are served with their status apart. Only cancelling ends it. */
export async function definitionServed(
  client: Client,
  { clock, signal, logger }: Call & { logger: Logger },
): Promise<void> {
  for (let looks = 0; ; looks++) {
    try {
      const live = await client.find<UnknownObject>(definitions, { name: cnfConfigurationDefinitionName }, { signal });
      if (live && isServed(live)) return;
      if (looks % 20 === 19) logger.info("waiting until the API server serves CNFConfigurations");
    } catch (error) {
      if (signal.aborted) throw error;
      const level = isCodedError(error, "PERMISSION_DENIED") || looks % 20 === 19 ? "warn" : "debug";
      logger[level]("the definition cannot be read", { reason: messageOf(error) });
    }
    await clock.sleep(lookMs, { signal });
  }
}

function isServed({ spec, status }: UnknownObject): boolean {
  const { conditions } = (status ?? {}) as { conditions?: readonly { type?: string; status?: string }[] };
  const { versions } = (spec ?? {}) as { versions?: readonly { subresources?: { status?: unknown } }[] };
  const established = conditions?.some((one) => one.type === "Established" && one.status === "True") ?? false;
  return established && (versions?.every((version) => version.subresources?.status !== undefined) ?? false);
}
