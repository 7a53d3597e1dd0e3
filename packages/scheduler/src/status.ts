import { isCodedError, messageOf } from "@nsmkit/core";
import type { Node } from "./graph/node.ts";
import type { BaseValueStatus, ValueStatus } from "./value.ts";

/** Status of one value as it is now. */
export function statusOf(node: Node): ValueStatus {
  const { key, state, error, lastOperation } = node;
  if (state === "NONEXISTENT") return { key, state };
  const details = detailsOf(node);
  return {
    key,
    state,
    ...(error === undefined ? {} : { error: messageOf(error) }),
    ...(lastOperation === "UNDEFINED" || state === "OBTAINED" ? {} : { last_operation: lastOperation }),
    ...(details.length > 0 ? { details } : {}),
  };
}

export function baseStatusOf(node: Node): BaseValueStatus {
  const derived = [...(node.derived?.values() ?? [])].filter((child) => child.state !== "NONEXISTENT");
  if (derived.length === 0) return { value: statusOf(node) };
  derived.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { value: statusOf(node), derived_values: derived.map(statusOf) };
}

function detailsOf(node: Node): readonly string[] {
  if (node.state === "INVALID") {
    const fields = isCodedError(node.error) ? node.error.details.fields : undefined;
    return Array.isArray(fields) ? fields.map(String) : [];
  }
  const details: string[] = [];
  if (node.state === "PENDING") {
    for (const dep of node.needs.deps) if (!dep.met) details.push(dep.label);
    if (node.waitingForClaim !== undefined) details.push(`claim ${node.waitingForClaim}`);
  }
  if (node.call?.begun) details.push(`${node.call.operation.toLowerCase()} in progress`);
  else if (node.call) details.push(`${node.call.operation.toLowerCase()} waiting for its turn`);
  return details;
}
