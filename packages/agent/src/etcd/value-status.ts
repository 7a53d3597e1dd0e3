import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { TxnOperation, ValueState, ValueStatusSchema } from "@nsmkit/api/kvscheduler";
import { CodedError, messageOf } from "@nsmkit/core";
import type { ValueStatus } from "@nsmkit/scheduler";
import { agentPrefix } from "../northbound/files/key-values.ts";
import type { Bytes } from "./api.ts";
import { bytesOf, shown, textOf } from "./bytes.ts";

/**
 * How an agent tells the world in etcd what became of each value that it was given.
 *
 * Key: that of the value with `config-status` for `config`, as the original's orchestrator makes it:
 * `/vnf-agent/<label>/config/linux/l3/v2/arp/eth0/10.0.0.1` has its status under
 * `/vnf-agent/<label>/config-status/linux/l3/v2/arp/eth0/10.0.0.1`. It is bound to a lease of the agent: an agent that
 * is gone leaves no status behind after the lease's time (5 s by default).
 *
 * Value: `ligato.kvscheduler.ValueStatus` as JSON, original field names, defaults left out:
 * `{"key":"config/...","state":"PENDING","details":["..."]}`. `state` is what the value with all that is derived from it
 * (addresses of an interface, for one) has come to, so CONFIGURED means all of it. `error` says why it is FAILED,
 * RETRYING or INVALID; `details` are the refused fields of an INVALID value and what a PENDING one waits for.
 * `last_operation` is the scheduler's last one.
 */
export function statusKey(label: string, key: string): string {
  const rest = configPart(key);
  if (rest === undefined) throw new CodedError("INVALID_ARGUMENT", `key ${JSON.stringify(key)} is no config/ key`);
  return `${statusPrefix(label)}${rest}`;
}

/** Start of all status keys of an agent. */
export function statusPrefix(label: string): string {
  return `${agentPrefix}${label}/${statusClass}`;
}

const statusClass = "config-status/";
const configClass = "config/";

/** False for values that have no status in etcd: those of another class, as metrics. */
export function hasStatus(key: string): boolean {
  return configPart(key) !== undefined;
}

function configPart(key: string): string | undefined {
  return key.startsWith(configClass) && key.length > configClass.length ? key.slice(configClass.length) : undefined;
}

/** The label and the value's key (`config/...`) of a status key; undefined for every other key. */
export function readStatusKey(key: Bytes): { readonly label: string; readonly key: string } | undefined {
  const text = typeof key === "string" ? key : textOf(key);
  if (!text?.startsWith(agentPrefix)) return undefined;
  const slash = text.indexOf("/", agentPrefix.length);
  if (slash <= agentPrefix.length) return undefined;
  const rest = text.slice(slash + 1);
  if (!rest.startsWith(statusClass) || rest.length === statusClass.length) return undefined;
  return { label: text.slice(agentPrefix.length, slash), key: `${configClass}${rest.slice(statusClass.length)}` };
}

/** The text under a status key. Equal for equal statuses. */
export function formatStatus(status: ValueStatus): string {
  const { key, state, error, last_operation, details } = status;
  return JSON.stringify({
    key,
    ...(state === "NONEXISTENT" ? {} : { state }),
    ...(error ? { error } : {}),
    ...(last_operation && last_operation !== "UNDEFINED" ? { last_operation } : {}),
    ...(details && details.length > 0 ? { details } : {}),
  });
}

/** @throws CodedError PROTOCOL for what is no status: whoever may write to etcd may have written it */
export function readStatus(value: Bytes): ValueStatus {
  const bytes = bytesOf(value);
  const text = textOf(bytes);
  if (text === undefined) throw new CodedError("PROTOCOL", `the status ${shown(bytes)} is no UTF-8 text`);
  try {
    const message = fromJson(ValueStatusSchema, JSON.parse(text) as JsonValue);
    const state = ValueState[message.state];
    const last_operation = TxnOperation[message.lastOperation];
    if (state === undefined || last_operation === undefined)
      throw new Error("an enum has a number that it does not have");
    return {
      key: message.key,
      state: state as ValueStatus["state"],
      ...(message.error === "" ? {} : { error: message.error }),
      ...(last_operation === "UNDEFINED"
        ? {}
        : { last_operation: last_operation as NonNullable<ValueStatus["last_operation"]> }),
      ...(message.details.length === 0 ? {} : { details: message.details }),
    };
  } catch (cause) {
    throw new CodedError("PROTOCOL", `${JSON.stringify(text.slice(0, 200))} is no value status: ${messageOf(cause)}`, {
      cause,
    });
  }
}
