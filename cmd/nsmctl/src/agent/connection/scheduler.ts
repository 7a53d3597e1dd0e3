import { CodedError } from "@nsmkit/core";
import { isObject } from "../../lab/documents/object.ts";
import type { AgentHttp } from "./http.ts";

/** ligato.kvscheduler.ValueStatus in JSON. */
export interface ValueStatus {
  readonly key: string;
  readonly state: string;
  readonly error?: string;
  readonly last_operation?: string;
  readonly details?: readonly string[];
}

export interface BaseStatus {
  readonly value: ValueStatus;
  readonly derived_values?: readonly ValueStatus[];
}

export interface DumpedValue {
  readonly Key: string;
  /** Full name of the message; absent where the agent does not tell. */
  readonly Message?: string;
  /** Fields as JSON; text in the form of protobuf from agents of Ligato 3.1. */
  readonly Value: unknown;
  readonly Metadata: unknown;
  /** "NB", "SB", "unknown" */
  readonly Origin: string;
}

export interface Operation {
  readonly Operation: string;
  readonly Key: string;
  readonly NewState?: string;
  readonly NewErrMsg?: string;
  readonly PrevState?: string;
  readonly PrevErrMsg?: string;
  readonly NOOP?: boolean;
  readonly IsDerived?: boolean;
  readonly IsRetry?: boolean;
}

export interface RecordedTxn {
  readonly SeqNum: number;
  readonly TxnType: string;
  readonly ResyncType?: string;
  readonly Description?: string;
  readonly Start: string;
  readonly Stop?: string;
  readonly RetryForTxn?: number;
  readonly RetryAttempt?: number;
  readonly Values?: readonly unknown[];
  readonly Planned?: readonly Operation[];
  readonly Executed?: readonly Operation[];
}

export type View = "SB" | "NB" | "cached";

const origins = ["unknown", "NB", "SB"];

/** The scheduler of an agent over HTTP (ligato/vpp-agent plugins/kvscheduler/rest.go). */
export class SchedulerApi {
  readonly #http: AgentHttp;

  constructor(http: AgentHttp) {
    this.#http = http;
  }

  async statuses(keyPrefix?: string): Promise<BaseStatus[]> {
    const answer = await this.#http.json("GET", "/scheduler/status", { "key-prefix": keyPrefix });
    // Go writes an empty list as null.
    const list = answer === null ? [] : answer;
    if (!Array.isArray(list) || !list.every(isBaseStatus)) throw this.#strange("/scheduler/status");
    return list.map(withStates);
  }

  async status(key: string): Promise<BaseStatus> {
    const answer = await this.#http.json("GET", "/scheduler/status", { key });
    if (!isBaseStatus(answer)) throw this.#strange("/scheduler/status");
    return withStates(answer);
  }

  /** Key prefixes that can be dumped. */
  async prefixes(): Promise<string[]> {
    const answer = await this.#http.json("GET", "/scheduler/dump");
    const prefixes = isObject(answer) ? answer.KeyPrefixes : undefined;
    if (!Array.isArray(prefixes)) throw this.#strange("/scheduler/dump");
    // Descriptors of what nobody declares have none, which Ligato's agents tell as "".
    return prefixes.filter((prefix): prefix is string => typeof prefix === "string" && prefix !== "");
  }

  async dump(keyPrefix: string, view: View): Promise<DumpedValue[]> {
    const answer = await this.#http.json("GET", "/scheduler/dump", { "key-prefix": keyPrefix, view });
    const list: unknown = answer === null ? [] : answer;
    if (!Array.isArray(list)) throw this.#strange("/scheduler/dump");
    return list.map((entry: unknown) => {
      if (!isObject(entry) || typeof entry.Key !== "string") throw this.#strange("/scheduler/dump");
      return {
        Key: entry.Key,
        ...unwrapped(entry.Value),
        Metadata: entry.Metadata ?? null,
        Origin: typeof entry.Origin === "number" ? (origins[entry.Origin] ?? "unknown") : String(entry.Origin),
      };
    });
  }

  async history(seqNum?: number): Promise<RecordedTxn[]> {
    const query = seqNum === undefined ? {} : { "seq-num": `${seqNum}` };
    const answer = await this.#http.json("GET", "/scheduler/txn-history", query);
    const list: unknown[] = Array.isArray(answer) ? answer : answer === null ? [] : [answer];
    if (!list.every(isTxn)) throw this.#strange("/scheduler/txn-history");
    return list;
  }

  /** As the agent writes it for people. */
  historyText(seqNum?: number): Promise<string> {
    const query = seqNum === undefined ? {} : { "seq-num": `${seqNum}` };
    return this.#http.text("GET", "/scheduler/txn-history", { ...query, format: "text" });
  }

  async resync(options: { readonly retry: boolean; readonly verbose: boolean }): Promise<RecordedTxn> {
    const answer = await this.#http.json("POST", "/scheduler/downstream-resync", {
      ...(options.retry ? { retry: "1" } : {}),
      ...(options.verbose ? { verbose: "1" } : {}),
    });
    if (!isTxn(answer)) throw this.#strange("/scheduler/downstream-resync");
    return answer;
  }

  #strange(path: string): CodedError {
    return new CodedError("PROTOCOL", `what ${this.#http.place}${path} answers has not the form of an agent's answer`);
  }
}

/** Values are wrapped with the name of their message, by Ligato. */
function unwrapped(value: unknown): { Message?: string; Value: unknown } {
  if (!isObject(value) || typeof value.ProtoMsgName !== "string") return { Value: value };
  return { Message: value.ProtoMsgName, Value: value.ProtoMsgData };
}

function isBaseStatus(status: unknown): status is BaseStatus {
  return isObject(status) && isObject(status.value) && typeof status.value.key === "string";
}

/** Protobuf's JSON leaves out the state that is number 0. */
function withStates({ value, derived_values }: BaseStatus): BaseStatus {
  const full = (status: ValueStatus): ValueStatus => ({ ...status, state: status.state ?? "NONEXISTENT" });
  return { value: full(value), ...(derived_values ? { derived_values: derived_values.map(full) } : {}) };
}

function isTxn(txn: unknown): txn is RecordedTxn {
  return isObject(txn) && (typeof txn.SeqNum === "number" || typeof txn.SeqNum === "string");
}

/** States of values in which nothing is missing. */
const settled: ReadonlySet<string> = new Set(["CONFIGURED", "OBTAINED", "DISCOVERED", "REMOVED", "NONEXISTENT"]);

export const isSettled = ({ state }: ValueStatus): boolean => settled.has(state);

/** A state that waiting does not change. */
export const isLost = ({ state }: ValueStatus): boolean =>
  state === "FAILED" || state === "INVALID" || state === "UNIMPLEMENTED";

export const valuesOf = ({ value, derived_values = [] }: BaseStatus): ValueStatus[] => [value, ...derived_values];

export function reasonOf({ error, details }: ValueStatus): string {
  return error ?? details?.join(", ") ?? "";
}
