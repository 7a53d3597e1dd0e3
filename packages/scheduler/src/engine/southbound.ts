import { CodedError } from "@nsmkit/core";
import type { Node } from "../graph/node.ts";
import type { SouthboundCall } from "./call.ts";

/** What carries out operations: the descriptors, or nothing at all in a dry run. */
export interface Southbound {
  /** Metadata, or a promise of it. Throws or rejects if the operation fails. */
  perform(call: SouthboundCall): unknown;
  /** True if there is something to call for this operation. */
  hasCall(node: Node): boolean;
}

export const realSouthbound: Southbound = {
  hasCall: (node) => node.origin !== "SB" && node.descriptor?.descriptor.create !== undefined,
  perform(call) {
    const { key, metadata } = call.node;
    const descriptor = call.node.descriptor?.descriptor;
    const { value } = call;
    if (call.operation === "CREATE") return descriptor?.create?.({ key, value }, call);
    if (call.operation === "DELETE") return descriptor?.delete?.({ key, value, metadata }, call);
    if (!descriptor?.update) throw new CodedError("INTERNAL", `update of ${key} without an update call`);
    return descriptor.update({ key, oldValue: call.node.value, newValue: value, metadata }, call);
  },
};

/** Every operation succeeds at once. */
export const drySouthbound: Southbound = { hasCall: () => false, perform: () => undefined };

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
