import type { Op, OpName } from "../api/ops.ts";
import { decodeAddr } from "../nl/addr.ts";
import { decodeLink } from "../nl/link/decode.ts";
import { messagesOf, viewOf } from "../nl/message.ts";
import { decodeNeigh } from "../nl/neigh.ts";
import { decodeNsid } from "../nl/nsid.ts";
import { decodeRoute } from "../nl/route/decode.ts";
import { decodeRule } from "../nl/rule.ts";

type Decode = (view: DataView, from: number, to: number) => unknown;

const decodeWithStatistics: Decode = (view, from, to) => decodeLink(view, from, to, true);

const lists: ReadonlyMap<OpName, Decode> = new Map<OpName, Decode>([
  ["linkList", decodeLink],
  ["addrList", decodeAddr],
  ["routeList", decodeRoute],
  ["ruleList", decodeRule],
  ["neighList", decodeNeigh],
]);

/** Datagrams decoded before other work of the event loop gets its turn: about 200 links. */
const datagramsPerTurn = 8;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The answer of a list op. @throws CodedError PROTOCOL */
export async function decodeList(op: Op, data: readonly Uint8Array[]): Promise<unknown[]> {
  const decode = op.op === "linkList" && op.filter.statistics ? decodeWithStatistics : lists.get(op.op);
  if (!decode) throw new Error(`${op.op} is no list`);
  const found: unknown[] = [];
  for (const [position, bytes] of data.entries()) {
    if (position > 0 && position % datagramsPerTurn === 0) await nextTurn();
    const view = viewOf(bytes);
    for (const { start, end } of messagesOf(view)) {
      const object = decode(view, start, end);
      if (object !== undefined) found.push(object);
    }
  }
  return found;
}

/** The answer of `linkGet` or `nsidGet`. @throws CodedError PROTOCOL */
export function decodeReply(op: Op, data: readonly Uint8Array[]): unknown {
  const decode = op.op !== "linkGet" ? decodeNsid : op.statistics ? decodeWithStatistics : decodeLink;
  const [bytes] = data;
  if (!bytes) throw new Error(`the kernel answered ${op.op} with nothing`);
  const view = viewOf(bytes);
  for (const { start, end } of messagesOf(view)) return decode(view, start, end);
  return undefined;
}

export const isList = (op: Op): boolean => lists.has(op.op);
