import { type Clock, CodedError, type Logger } from "@nsmkit/core";
import { type Client, findDrift, type UnknownObject } from "@nsmkit/kube";
import { healthOf } from "./health/workload.ts";
import { definitionKindOf } from "./inventory/kinds.ts";
import { fieldManager } from "./inventory/ownership.ts";

/**
 * Applies the definitions of our own resources and waits until the API server serves them. They are upgraded by a newer
 * operator in this way, and stay when the last mesh goes: they hold what users wrote.
 * @throws DEADLINE_EXCEEDED after a minute
 */
export async function installDefinitions(
  client: Client,
  definitions: readonly UnknownObject[],
  { clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal },
): Promise<void> {
  for (const definition of definitions) {
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
}
