import { type Clock, CodedError, type Logger, messageOf, retry } from "@nsmkit/core";
import { type Client, findDrift, type UnknownObject } from "@nsmkit/kube";
import { healthOf } from "./health/workload.ts";
import { definitionKindOf } from "./inventory/kinds.ts";
import { fieldManager } from "./inventory/ownership.ts";

type Deps = { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal };

/**
 * Applies the definitions of our own resources and waits until the API server serves them. They are upgraded by a newer
 * operator in this way, and stay when the last mesh goes: they hold what users wrote. A server that does not answer or is
 * busy is asked again.
 * @throws DEADLINE_EXCEEDED for a definition that is not served after a minute
 */
export async function installDefinitions(
  client: Client,
  definitions: readonly UnknownObject[],
  deps: Deps,
): Promise<void> {
  const { clock, logger, signal } = deps;
  for (const definition of definitions) {
    await retry(() => installDefinition(client, definition, deps), {
      ...{ clock, signal, initialMs: 100, maxMs: 5_000 },
      shouldRetry: (error) => error instanceof CodedError && error.retryable && error.code !== "DEADLINE_EXCEEDED",
      onRetry: (error) => logger.warn("a definition could not be applied, trying again", { reason: messageOf(error) }),
    });
  }
}

async function installDefinition(
  client: Client,
  definition: UnknownObject,
  { clock, logger, signal }: Deps,
): Promise<void> {
  const kind = definitionKindOf(definition);
  const at = { name: definition.metadata.name ?? "" };
  let live = await client.find<UnknownObject>(kind, at, { signal });
  if (!live || findDrift(definition, live, fieldManager) !== undefined) {
    live = await client.apply<UnknownObject>(kind, definition, { fieldManager, signal });
    logger.info("definition applied", { definition: at.name });
  }
  const deadlineMs = clock.monotonic() + 60_000;
  while (!healthOf(live).available) {
    if (clock.monotonic() > deadlineMs) {
      throw new CodedError("DEADLINE_EXCEEDED", `definition ${at.name} is not served: ${healthOf(live).message}`);
    }
    await clock.sleep(200, { signal });
    live = await client.get<UnknownObject>(kind, at, { signal });
  }
}
