import { type Config, ConfiguratorService } from "@nsmkit/api/configurator";
import type { ModelRegistry } from "@nsmkit/api/model";
import type { Scheduler } from "@nsmkit/scheduler";
import { bindService, type ServerCall, type ServiceBinding } from "@nsmkit/sdk/transport";
import type { OperationStats } from "../../../operation-stats.ts";
import type { InterfaceStates } from "../../../plugins/linux/interface-states.ts";
import type { Item } from "../../item.ts";
import type { Northbound } from "../../northbound.ts";
import { recordedMessage } from "../../recorded.ts";
import { asArgument, settledWithin, sourceOf, transactionError } from "../change.ts";
import { hasPlace, readConfig, writeConfig } from "./config.ts";
import { interfaceNotification, NotificationLog } from "./notifications.ts";
import { waitUntilDone } from "./wait-done.ts";

export interface ConfiguratorOptions {
  readonly northbound: Northbound;
  readonly scheduler: Scheduler;
  readonly models: ModelRegistry;
  readonly states: InterfaceStates;
  readonly operations: OperationStats;
  /** Longest time that Update and Delete wait without wait_done, ms; default 10,000. */
  readonly waitMs?: number;
}

/** `ligato.configurator.ConfiguratorService`: everything that has a place in `ligato.configurator.Config`. */
export function configuratorService(options: ConfiguratorOptions): ServiceBinding {
  const { northbound, scheduler, models, states, operations, waitMs = 10_000 } = options;
  const notifications = new NotificationLog();
  for (const state of states.current) notifications.push(interfaceNotification(state));
  states.subscribe((state) => notifications.push(interfaceNotification(state)));

  /** One transaction, then as long as the caller wants to wait. */
  async function change(
    call: ServerCall,
    wanted: { put?: readonly Item[]; delete?: readonly string[]; replace: boolean; keys: readonly string[] },
    description: string,
    waitDone: boolean,
  ): Promise<void> {
    const { keys, replace, ...rest } = wanted;
    const applied = asArgument(() =>
      northbound.apply([{ source: sourceOf(call), replace, ...rest }], { resync: replace, description }),
    );
    call.setHeader("seqnum", String(applied.seqNum));
    const result = await settledWithin(applied.settled, waitDone ? undefined : waitMs, call.signal);
    if (result && result.errors.length > 0) throw transactionError(result);
    if (waitDone) await waitUntilDone(scheduler, keys, { signal: call.signal });
  }

  return bindService(ConfiguratorService, {
    get: () => operations.track("Get", async () => ({ config: writeConfig(sorted(northbound.store.merged)) })),

    update: (request, call) =>
      operations.track("Update", async () => {
        const put = asArgument(() => readConfig(models, request.update, "update"));
        const keys = put.map(({ key }) => key);
        await change(call, { put, keys, replace: request.fullResync }, "Update", request.waitDone);
        return {};
      }),

    delete: (request, call) =>
      operations.track("Delete", async () => {
        const keys = asArgument(() => readConfig(models, request.delete, "delete")).map(({ key }) => key);
        await change(call, { delete: keys, keys, replace: false }, "Delete", request.waitDone);
        return {};
      }),

    dump: (_request, call) =>
      operations.track("Dump", async () => ({ dump: await dump(scheduler, models, call.signal) })),

    notify: (request, call) => notifications.read(request.idx, request.filters, { signal: call.signal }),
  });
}

/** What is there, read from the system now. */
async function dump(scheduler: Scheduler, models: ModelRegistry, signal: AbortSignal): Promise<Config> {
  const found = [];
  for (const model of models.models.filter(hasPlace)) {
    const entries = await scheduler.dump({ keyPrefix: model.keyPrefix, view: "SB" }, { signal });
    for (const entry of entries) found.push({ model, value: recordedMessage(model, entry) });
  }
  return writeConfig(found);
}

/** By key, so that what did not change reads the same. */
function sorted(items: ReadonlyMap<string, Item>): Item[] {
  return [...items.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
