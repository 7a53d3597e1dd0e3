import { create } from "@bufbuild/protobuf";
import {
  type ConfigItem,
  ConfigItemSchema,
  type Item_ID,
  Item_IDSchema,
  ManagerService,
  NotificationSchema,
  UpdateResult_Operation as Operation,
  type StateItem,
  StateItemSchema,
  type UpdateResult,
  UpdateResultSchema,
} from "@nsmkit/api/generic";
import { keyOfName, type Model, type ModelRegistry } from "@nsmkit/api/model";
import { CodedError } from "@nsmkit/core";
import type { RecordedKVWithMetadata, Scheduler } from "@nsmkit/scheduler";
import { bindService, type ServiceBinding } from "@nsmkit/sdk/transport";
import type { Northbound } from "../northbound.ts";
import { recordedMessage } from "../recorded.ts";
import { asArgument, settledWithin, sourceOf, transactionError } from "./change.ts";
import { hasLabels, protoItem, readUpdates, statusOf } from "./items.ts";

export interface ManagerOptions {
  readonly northbound: Northbound;
  readonly scheduler: Scheduler;
  readonly models: ModelRegistry;
  /** Longest time that SetConfig waits for values to be in place, ms; default 10,000. What takes longer shows as PENDING. */
  readonly waitMs?: number;
}

/** `ligato.generic.ManagerService`: change and read the declared configuration. */
export function managerService(options: ManagerOptions): ServiceBinding {
  const { northbound, scheduler, models } = options;
  const waitMs = options.waitMs ?? 10_000;

  return bindService(ManagerService, {
    async setConfig(request, call) {
      const wishes = asArgument(() => readUpdates(models, request.updates));
      const before = northbound.store.merged;
      const change = {
        source: sourceOf(call),
        put: wishes.put,
        delete: wishes.delete,
        replace: request.overwriteAll,
      };
      const applied = asArgument(() =>
        northbound.apply([change], { resync: request.overwriteAll, description: "SetConfig" }),
      );
      const result = await settledWithin(applied.settled, waitMs, call.signal);
      if (result && result.errors.length > 0) throw transactionError(result);
      const after = northbound.store.merged;
      const results = wishes.keys.map((key) => resultOf(key, before.has(key), after.has(key)));
      return { results: [seqNumResult(applied.seqNum), ...results] };
    },

    async getConfig(request) {
      if (request.ids.length > 0 && Object.keys(request.labels).length > 0)
        throw new CodedError("INVALID_ARGUMENT", "ids and labels are both given; ask by one of them");
      const items: ConfigItem[] = [];
      for (const item of northbound.store.merged.values()) {
        if (!isAsked(request.ids, item.model, item.key) || !hasLabels(request.labels, item.labels ?? {})) continue;
        const status = statusOf(scheduler, item.key);
        items.push(
          create(ConfigItemSchema, { item: protoItem(item.model, item.value), status, labels: { ...item.labels } }),
        );
      }
      return { items };
    },

    async dumpState(request, call) {
      const items: StateItem[] = [];
      for (const model of models.models) {
        const dumped = await scheduler.dump({ keyPrefix: model.keyPrefix, view: "cached" }, { signal: call.signal });
        for (const entry of dumped) {
          const item = isAsked(request.ids, model, entry.Key) ? stateItem(model, entry) : undefined;
          if (item) items.push(item);
        }
      }
      return { items };
    },

    async *subscribe(request, call) {
      const ids = request.subscriptions.flatMap(({ id }) => (id ? [id] : []));
      const keySelector = (key: string): boolean => {
        const found = models.modelOfKey(key);
        return found !== undefined && isAsked(ids, found.model, key);
      };
      for await (const { value } of scheduler.watch({ keySelector, signal: call.signal })) {
        const found = models.modelOfKey(value.key);
        if (!found) continue;
        const declared = northbound.store.merged.get(value.key);
        const item = declared ? protoItem(found.model, declared.value) : { id: idOf(found.model, value.key) };
        yield { notifications: [create(NotificationSchema, { item, status: statusOf(scheduler, value.key) })] };
      }
    },
  });

  function resultOf(key: string, existed: boolean, exists: boolean): UpdateResult {
    const model = models.modelOfKey(key)?.model;
    const op = exists ? (existed ? Operation.UPDATE : Operation.CREATE) : Operation.DELETE;
    return create(UpdateResultSchema, {
      key,
      op,
      status: statusOf(scheduler, key),
      ...(model ? { id: idOf(model, key) } : {}),
    });
  }
}

/** As Ligato has it: the number of the transaction comes as the status of a key that is none. */
function seqNumResult(seqNum: number): UpdateResult {
  return create(UpdateResultSchema, { key: "seqnum", status: { message: String(seqNum) } });
}

function idOf(model: Model, key: string): Item_ID {
  return create(Item_IDSchema, { model: model.name, name: key.slice(model.keyPrefix.length) });
}

function isAsked(ids: readonly Item_ID[], model: Model, key: string): boolean {
  return ids.length === 0 || ids.some((id) => id.model === model.name && keyOfName(model, id.name) === key);
}

function stateItem(model: Model, entry: RecordedKVWithMetadata): StateItem | undefined {
  if (entry.Value === null || entry.Value === undefined) return undefined;
  const value = recordedMessage(model, entry);
  const metadata = Object.entries(entry.Metadata ?? {}).map(([key, content]) => [
    key,
    typeof content === "string" ? content : JSON.stringify(content),
  ]);
  return create(StateItemSchema, {
    item: protoItem(model, value),
    metadata: Object.fromEntries(metadata) as Record<string, string>,
  });
}
