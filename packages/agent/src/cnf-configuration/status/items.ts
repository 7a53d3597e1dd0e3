import type { ValueStatus } from "@nsmkit/scheduler";
import type { DeclaredPair, DeclaredProblem } from "../pairs.ts";
import type { ItemState, ItemStatus } from "./status.ts";

/** What is known of the agent with a label. */
export type AgentPresence =
  /** It tells what becomes of its values. */
  | "reporting"
  /** It runs, but tells nothing of values: an original agent without ENABLE_STATUS_PUBLISHING. */
  | "silent"
  | "absent";

/** What is known of the values that a resource has declared. */
export interface ReportedStates {
  stateOf(pair: DeclaredPair): ValueStatus | undefined;
  /** What is known of an item in another way, when there is no state: what its own agent wrote about it. */
  toldOf?(pair: DeclaredPair): Pick<ItemStatus, "state" | "message"> | undefined;
  agentOf(label: string): AgentPresence;
}

/** Status is kept beside the resource in one object of limited size. */
const longestMessage = 500;

/** Items of a resource whose values are with the agents. */
export function reportedItems(pairs: readonly DeclaredPair[], reported: ReportedStates): ItemStatus[] {
  return pairs.map((pair) => itemOf(pair, ...reportOf(pair, reported)));
}

/** Items that wait, all for the same. */
export function waitingItems(pairs: readonly DeclaredPair[], message: string): ItemStatus[] {
  return pairs.map((pair) => itemOf(pair, "PENDING", message));
}

/** Items of a resource that was refused: those that are wrong say why, the others wait for them. */
export function refusedItems(
  count: number,
  pairs: readonly DeclaredPair[],
  problems: readonly DeclaredProblem[],
  state: "INVALID" | "FAILED",
): ItemStatus[] {
  const texts = new Map<number, string>();
  for (const { index, text } of problems)
    if (index !== undefined) texts.set(index, texts.has(index) ? `${texts.get(index)}; ${text}` : text);
  return Array.from({ length: count }, (_, index) => {
    const pair = pairs.find((one) => one.index === index);
    const own = texts.get(index);
    const [itemState, message]: [ItemState, string] =
      own === undefined ? ["PENDING", "waits until the whole resource is accepted"] : [state, own];
    return pair ? itemOf(pair, itemState, message) : { index, state: itemState, message: shortened(message) };
  });
}

function itemOf({ index, label, model, itemKey }: DeclaredPair, state: ItemState, message?: string): ItemStatus {
  const base = { index, microservice: label, model, key: itemKey, state };
  return message === undefined || message === "" ? base : { ...base, message: shortened(message) };
}

const shortened = (text: string): string =>
  text.length <= longestMessage ? text : `${text.slice(0, longestMessage - 1)}…`;

function reportOf(pair: DeclaredPair, reported: ReportedStates): [ItemState, string?] {
  const status = reported.stateOf(pair);
  if (status) return stateText(status);
  const told = reported.toldOf?.(pair);
  if (told) return [told.state, told.message];
  const { label } = pair;
  switch (reported.agentOf(label)) {
    case "reporting":
      return ["UNKNOWN", `agent ${label} has not taken it up yet`];
    case "silent":
      return [
        "UNKNOWN",
        `agent ${label} runs but reports no state of it; agents of Ligato do with ENABLE_STATUS_PUBLISHING=true`,
      ];
    case "absent":
      return ["UNKNOWN", `no agent with the label ${label} reports`];
  }
}

/** States of values (ligato.kvscheduler.ValueState) as people need them. */
function stateText({ state, error, details = [] }: ValueStatus): [ItemState, string?] {
  switch (state) {
    case "CONFIGURED":
    case "OBTAINED":
    // What an agent found already there; the confirmation of it is not told by every agent.
    case "DISCOVERED":
      return ["CONFIGURED"];
    case "PENDING":
      return ["PENDING", details.length > 0 ? `waits for ${details.join(", ")}` : "waits for something else"];
    case "INVALID":
      return [
        "INVALID",
        [...(error ? [error] : []), ...(details.length > 0 ? [`fields ${details.join(", ")}`] : [])].join("; "),
      ];
    case "RETRYING":
      return ["FAILED", `${error ?? "it failed"} (is tried again)`];
    case "FAILED":
      return ["FAILED", error ?? "it failed"];
    case "UNIMPLEMENTED":
      return ["FAILED", "this agent cannot configure values of this model"];
    case "MISSING":
      return ["FAILED", "it was configured and is not there any more"];
    case "REMOVED":
    case "NONEXISTENT":
      return ["UNKNOWN", "the agent has removed it"];
  }
}
