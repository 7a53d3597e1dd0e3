import { create, type Message } from "@bufbuild/protobuf";
import {
  ItemSchema,
  type ItemStatus,
  ItemStatusSchema,
  type Item as ProtoItem,
  type UpdateItem,
} from "@nsmkit/api/generic";
import { type Model, type ModelRegistry, packItem, unpackItem } from "@nsmkit/api/model";
import type { BaseValueStatus, Scheduler } from "@nsmkit/scheduler";
import type { Item } from "../item.ts";
import { Problems } from "../problems.ts";

export type Labels = Readonly<Record<string, string>>;

/** What a SetConfig request asks for: values to put, keys to withdraw, in the request's order. */
export interface Wishes {
  readonly put: readonly Item[];
  readonly delete: readonly string[];
  readonly keys: readonly string[];
}

/** @throws CodedError INVALID_CONFIG with a line per wrong item */
export function readUpdates(models: ModelRegistry, updates: readonly UpdateItem[]): Wishes {
  const problems = new Problems();
  const put: Item[] = [];
  const deleted: string[] = [];
  const keys = new Set<string>();
  for (const [i, update] of updates.entries()) {
    const place = `updates[${i}]`;
    const unpacked = problems.catching(place, () => unpackItem(models, update.item ?? create(ItemSchema)));
    if (!unpacked) continue;
    const { key, model, message } = unpacked;
    if (keys.has(key)) problems.add(place, `${key} occurs twice in the request; keep one`);
    keys.add(key);
    if (message === undefined) deleted.push(key);
    else put.push({ key, model, value: message, place, labels: { ...update.labels } });
  }
  problems.throwIfAny();
  return { put, delete: deleted, keys: [...keys] };
}

/** Name and content of a value as the generic manager shows them. */
export function protoItem(model: Model, value: Message): ProtoItem {
  return packItem(model, value as never);
}

/** Base value and everything derived from it: an address that is missing makes the interface not ready. */
export function itemStatus(status: BaseValueStatus): ItemStatus {
  const troubles = (status.derived_values ?? []).filter(({ error }) => error !== undefined);
  const text = [status.value.error, ...troubles.map(({ key, error }) => `${key}: ${error}`)].filter(
    (part) => part !== undefined,
  );
  const details = status.value.details ?? [];
  return create(ItemStatusSchema, {
    status: status.value.state,
    message: text.length > 0 ? text.join("; ") : details.join(", "),
  });
}

export function statusOf(scheduler: Scheduler, key: string): ItemStatus {
  return itemStatus(scheduler.status(key));
}

/** Whether labels are as asked: "!" before a key excludes, an empty value stands for any (ligato/vpp-agent plugins/orchestrator). */
export function hasLabels(wanted: Labels, labels: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const excluded = key.startsWith("!");
    const found = labels[excluded ? key.slice(1) : key];
    const matches = found !== undefined && (value === "" || value === found);
    return excluded ? !matches : matches;
  });
}
